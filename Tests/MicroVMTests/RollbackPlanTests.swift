import MicroVM
import Palimpsest
import TestSupport
import Testing

/// A rollback that repeats the last one follows a plan instead of looking again. It has to notice whatever makes the
/// plan a wrong one.
@Suite("Rollbacks that repeat the last one", .timeLimit(.minutes(20)))
struct RollbackPlanTests {
    private static let registerResets = [RegisterReset.byHost, .byGuest(Residency(parkAfter: .seconds(600)))]

    /// A sandbox, where it writes, and what its restores have to leave.
    private struct Subject {
        let sandbox: Sandbox
        let pages: UInt64
        let data: UInt64
        let snapshot: Snapshot
        let oracle: Oracle

        init(_ registerReset: RegisterReset, strategy: RollbackStrategy = .copy) throws {
            var configuration = Scribe.configuration(strategy)
            configuration.registerReset = registerReset
            sandbox = try Scribe.make(configuration)
            pages = try sandbox.fill(pages: 40, hole: 3)
            data = try sandbox.call("dataAddress")
            snapshot = try sandbox.snapshot()
            oracle = try Oracle(sandbox)
        }

        func expectRestored(_ comment: String, _ location: SourceLocation = #_sourceLocation) throws {
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [], "\(comment)", sourceLocation: location)
        }

        /// The same writes until a rollback finds nothing new.
        func settle() throws {
            for round in 0..<6 {
                try sandbox.scribble(pages, pages: 5, value: UInt64(round))
                try expectRestored("settling")
            }
            #expect(sandbox.lastRollback?.newPages == 0)
        }
    }

    @Test("new pages, few or many, near or far, are noticed at once", arguments: registerResets)
    func newPages(registerReset: RegisterReset) throws {
        let subject = try Subject(registerReset)
        try subject.settle()
        for page in [5, 6, 20, 39] as [UInt64] {
            try subject.sandbox.scribble(subject.pages + page * 4096, pages: 1, value: 7)
            try subject.expectRestored("page \(page)")
            // Those that `fill` wrote were on the list before the snapshot.
            #expect(subject.sandbox.lastRollback?.newPages == (page % 3 == 0 ? 1 : 0))
            try subject.settle()
        }
        // Data of the image, copied at the first write; the heap's last page, in another table; the stack.
        for page in stride(from: 0 as UInt64, to: 400, by: 57) {
            try subject.sandbox.scribble(subject.data + page * 4096, pages: 2, value: page)
            try subject.expectRestored("data page \(page)")
            try subject.settle()
        }
        let heap = try #require(subject.sandbox.regions.first { $0.label == "heap" }).addresses
        try subject.sandbox.scribble(heap.upperBound - 4096, pages: 1, value: 1)
        try subject.expectRestored("the heap's end")
        try subject.settle()
    }

    @Test("larger arguments than before are rolled back", arguments: registerResets)
    func arguments(registerReset: RegisterReset) throws {
        var configuration = Resident.small
        configuration.registerReset = registerReset
        let sandbox = try makeBehaved(configuration)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        for count in [0, 10, 10, 4000, 4000, 3073, 8000, 100, 15_000, 15_000, 12_000] {
            _ = try sandbox.call("echoBytes", [UInt8](repeating: 0xee, count: count)) as [UInt8]
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [], "\(count) bytes")
            try? sandbox.call("echoBytes", [UInt8](repeating: 0xdd, count: 20_000))
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [], "after too many, \(count) bytes")
        }
    }

    @Test("after a fault, a deadline, and a strategy that did it otherwise", arguments: registerResets)
    func detours(registerReset: RegisterReset) throws {
        let subject = try Subject(registerReset)
        try subject.settle()
        for strategy in RollbackStrategy.allCases + RollbackStrategy.allCases.reversed() {
            try? subject.sandbox.call("scribbleAndFault", subject.pages, UInt64(5), UInt64(1), UInt64(3))
            try subject.expectRestored("fault")
            try? subject.sandbox.call("scribbleAndFault", subject.pages, UInt64(9), UInt64(1), UInt64(3))
            try subject.expectRestored("fault on new pages")
            subject.sandbox.rollbackStrategy = strategy
            for round in 0..<4 {
                try subject.sandbox.scribble(subject.pages, pages: 7, stride: 2, value: UInt64(round))
                try subject.expectRestored("\(strategy), round \(round)")
            }
            subject.sandbox.rollbackStrategy = .copy
            try subject.settle()
        }
    }

    @Test("after another snapshot, a relative or not, taken or restored", arguments: registerResets)
    func otherSnapshots(registerReset: RegisterReset) throws {
        let subject = try Subject(registerReset)
        let sandbox = subject.sandbox
        let other = try Scribe.make(Scribe.configuration(.copy, heapPageCount: 128))
        let unrelated = try other.snapshot()
        let unrelatedOracle = try Oracle(other)
        for round in 0..<4 {
            try subject.settle()
            try sandbox.scribble(subject.pages, pages: 5, value: UInt64(100 + round))
            let child = try sandbox.snapshot()
            let childOracle = try Oracle(sandbox)
            for _ in 0..<4 {
                try sandbox.scribble(subject.pages, pages: 5, value: 5)
                try sandbox.restore(child)
                #expect(try childOracle.differences(sandbox) == [], "child, round \(round)")
            }
            for _ in 0..<2 {
                try subject.expectRestored("parent, round \(round)")
                try sandbox.restore(child)
                #expect(try childOracle.differences(sandbox) == [], "child again, round \(round)")
            }
            if round % 2 == 1 {
                try sandbox.restore(unrelated)
                #expect(try unrelatedOracle.differences(sandbox) == [], "unrelated, round \(round)")
            }
            if round == 2 {
                sandbox.markUnrecoverable()
            }
            try subject.expectRestored("back, round \(round)")
        }
    }

    @Test("with mapped files, and after they are gone", arguments: registerResets)
    func mappedFiles(registerReset: RegisterReset) throws {
        let subject = try Subject(registerReset)
        let sandbox = subject.sandbox
        let file = try TemporaryFile(byteCount: 20_000)
        try subject.settle()
        try sandbox.mapFile(file.path, at: 0x2_0000_0000)
        let mapped = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        for round in 0..<5 {
            try sandbox.scribble(subject.pages, pages: 5, value: 5)
            if round > 2 { try sandbox.scribble(0x2_0000_0000, pages: 2, value: 9) }
            try sandbox.restore(mapped)
            #expect(try oracle.differences(sandbox) == [], "round \(round)")
        }
        try subject.expectRestored("unmapped")
        try subject.settle()
        try sandbox.restore(mapped)
        #expect(try oracle.differences(sandbox) == [])
    }

    @Test(
        "in copies that start with a write set, from their first rollback on", arguments: registerResets, [true, false])
    func writeSets(registerReset: RegisterReset, copiesWriteSet: Bool) throws {
        let subject = try Subject(registerReset)
        try subject.settle()
        try subject.sandbox.scribble(subject.data, pages: 30, value: 1)
        try subject.expectRestored("original")
        for _ in 0..<3 {
            let copy = try Sandbox(
                from: subject.snapshot,
                configuration: .init(
                    rollbackStrategy: .copy, copiesWriteSet: copiesWriteSet, registerReset: registerReset))
            for round in 0..<5 {
                try copy.scribble(subject.data, pages: 10 + round / 3 * 25, value: UInt64(round))
                try copy.restore(subject.snapshot)
                #expect(try subject.oracle.differences(copy) == [], "round \(round)")
            }
        }
    }

    @Test("random writes over thousands of rollbacks, past every look at idle pages", arguments: registerResets)
    func manyRounds(registerReset: RegisterReset) throws {
        let subject = try Subject(registerReset, strategy: .automatic)
        var random = SplitMix(state: 99)
        for round in 0..<700 {
            let count = Int(random.next() % 4) + (round % 100 == 50 ? 30 : 1)
            let first = random.next() % UInt64(41 - count)
            try subject.sandbox.scribble(subject.pages + first * 4096, pages: count, value: random.next())
            try subject.sandbox.restore(subject.snapshot)
            guard round % 10 == 0 || (60...70).contains(round % 128) else { continue }
            #expect(try subject.oracle.differences(subject.sandbox) == [], "round \(round)")
        }
    }
}
