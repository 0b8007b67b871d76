import Synchronization

/// A number that any thread adds to. A class, because arrays of bare atomics cannot be.
final class AtomicCounter: Sendable {
    private let storage = Atomic<UInt64>(0)

    var value: UInt64 { storage.load(ordering: .relaxed) }

    func add(_ amount: UInt64) { storage.wrappingAdd(amount, ordering: .relaxed) }

    func reset() { storage.store(0, ordering: .relaxed) }
}

/// A floating-point number that any thread sets or adds to.
final class AtomicDouble: Sendable {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var expected = bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: expected) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(
                expected: expected, desired: sum, ordering: .relaxed)
            if exchanged { return }
            expected = original
        }
    }
}
