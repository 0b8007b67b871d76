import Metrics
import Synchronization

/// A counter that a test can look at.
final class CountingHandler: CounterHandler {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func increment(by amount: Int64) { count.add(Int(amount), ordering: .relaxed) }

    func reset() { count.store(0, ordering: .relaxed) }
}
