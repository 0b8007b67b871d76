import MicroVM
import Palimpsest
import TestSupport
import Testing

@Suite("Randomness")
struct RandomnessTests {
    /// What draws numbers: the C SDK's function, and Swift's `SystemRandomNumberGenerator` on top of it.
    enum Guest: String, CaseIterable, Sendable {
        case c, swift

        func make() throws -> Sandbox {
            switch self {
            case .c: try makeBehaved()
            case .swift: try Sandbox(guest: .bytes(Guests.swift), hostFunctions: makeHostFunctions())
            }
        }
    }

    private static func draw(_ sandbox: Sandbox, _ count: Int = 12) throws -> [UInt64] {
        try (0..<count).map { _ in try sandbox.call("random") }
    }

    private static func copy(_ snapshot: Snapshot) throws -> Sandbox {
        try Sandbox(from: snapshot, hostFunctions: makeHostFunctions())
    }

    /// 64-bit numbers: two alike among some thousand are no chance.
    private static func expectDistinct(_ numbers: [UInt64], _ location: SourceLocation = #_sourceLocation) {
        #expect(Set(numbers).count == numbers.count, sourceLocation: location)
    }

    @Test("sandboxes from one snapshot never draw the same numbers", arguments: Guest.allCases, [0, 1, 9])
    func copies(guest: Guest, drawnBefore: Int) throws {
        let original = try guest.make()
        // In the middle of a block of the generator's, too: what is left of it is in the snapshot.
        var numbers = try RandomnessTests.draw(original, drawnBefore)
        let snapshot = try original.snapshot()
        for _ in 0..<8 { numbers += try RandomnessTests.draw(RandomnessTests.copy(snapshot)) }
        numbers += try RandomnessTests.draw(original)
        RandomnessTests.expectDistinct(numbers)
    }

    @Test(
        "one sandbox never draws the same numbers again after a restore", arguments: Guest.allCases,
        RollbackStrategy.allCases)
    func restores(guest: Guest, strategy: RollbackStrategy) throws {
        let sandbox = try guest.make()
        sandbox.rollbackStrategy = strategy
        var numbers = try RandomnessTests.draw(sandbox, 3)
        let snapshot = try sandbox.snapshot()
        for _ in 0..<8 {
            numbers += try RandomnessTests.draw(sandbox)
            try sandbox.restore(snapshot)
        }
        RandomnessTests.expectDistinct(numbers)
    }

    @Test("nor after restores to other snapshots, faults, and snapshots of copies", arguments: Guest.allCases)
    func detours(guest: Guest) throws {
        let sandbox = try guest.make()
        let first = try sandbox.snapshot()
        var numbers = try RandomnessTests.draw(sandbox, 5)
        let second = try sandbox.snapshot()
        let copy = try RandomnessTests.copy(second)
        numbers += try RandomnessTests.draw(copy, 5)
        let third = try copy.snapshot()
        for snapshot in [first, third, second, third, first] {
            _ = try? sandbox.call(guest == .c ? "spin" : "random", deadline: .now + .milliseconds(1))
            try sandbox.restore(snapshot)
            numbers += try RandomnessTests.draw(sandbox)
            numbers += try RandomnessTests.draw(RandomnessTests.copy(snapshot))
        }
        sandbox.markUnrecoverable()
        try sandbox.restore(second)
        numbers += try RandomnessTests.draw(sandbox)
        RandomnessTests.expectDistinct(numbers)
    }

    @Test("every restore and every copy has a generation and entropy of its own", arguments: RollbackStrategy.allCases)
    func generations(strategy: RollbackStrategy) throws {
        let sandbox = try makeBehaved(.init(rollbackStrategy: strategy))
        let snapshot = try sandbox.snapshot()
        var generations = [try sandbox.generation()]
        var pages = [try sandbox.constantsPage()]
        func note(_ sandbox: Sandbox) throws {
            generations.append(try sandbox.generation())
            pages.append(try sandbox.constantsPage())
        }
        for _ in 0..<20 {
            try sandbox.restore(snapshot)
            try note(sandbox)
            try note(RandomnessTests.copy(snapshot))
        }
        #expect(Set(generations).count == generations.count)
        #expect(Set(pages).count == pages.count)
        // Nothing but a restore or a copy changes them.
        try sandbox.call("nothing")
        _ = try sandbox.snapshot()
        #expect(try sandbox.constantsPage() == pages[pages.count - 2])
    }

    @Test("the guest sees the generation that the host has set")
    func seen() throws {
        let sandbox = try makeHostile()
        let snapshot = try sandbox.snapshot()
        let address = try #require(sandbox.regions.first { $0.label == "constants" }).addresses.lowerBound + 584
        var seen: Set<UInt64> = []
        for _ in 0..<10 {
            let generation: UInt64 = try sandbox.call("readAt", address)
            #expect(try generation == sandbox.generation())
            seen.insert(generation)
            try sandbox.restore(snapshot)
        }
        #expect(seen.count == 10)
    }
}
