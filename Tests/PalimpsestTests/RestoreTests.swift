import GuestABI
import MicroVM
import Palimpsest
import TestSupport
import Testing

@Suite("Restoring")
struct RestoreTests {
    /// A snapshot with what a sandbox restored to it must look like and must answer.
    private struct State {
        let name: String
        let snapshot: Snapshot
        let oracle: Oracle
        /// The state of another guest than the rest.
        var isForeign = false
    }

    /// A family, a stranger's snapshot of the same guest, and one of an unrelated guest:
    ///
    ///     own - descendant - grandchild
    ///                     \- sibling
    private func makeStates(_ sandbox: Sandbox) throws -> [State] {
        func dirty(_ sandbox: Sandbox, _ seed: UInt64) throws {
            try sandbox.call("run", seed, 40 as UInt32, 0 as UInt32, 0 as UInt64, 0 as UInt64)
        }
        func state(_ name: String, _ sandbox: Sandbox) throws -> State {
            State(name: name, snapshot: try sandbox.snapshot(), oracle: try Oracle(sandbox))
        }
        var states = [try state("own", sandbox)]
        try dirty(sandbox, 1)
        states.append(try state("descendant", sandbox))
        try dirty(sandbox, 2)
        states.append(try state("grandchild", sandbox))
        try sandbox.restore(states[1].snapshot)
        try dirty(sandbox, 3)
        states.append(try state("sibling", sandbox))
        let stranger = try Fuzzer.makeSandbox(.copy)
        try dirty(stranger, 4)
        states.append(try state("stranger's", stranger))
        let copy = try Sandbox(from: states[1].snapshot, hostFunctions: makeHostFunctions())
        try dirty(copy, 5)
        states.append(try state("copy's", copy))
        let foreigner = try makeBehaved(Fuzzer.configuration)
        #expect(try foreigner.call("count") == Int64(1001))
        states.append(try state("foreign", foreigner))
        states[states.count - 1].isForeign = true
        return states
    }

    @Test(
        "from any snapshot a sandbox gets to any other: its own, related, a stranger's, another guest's",
        arguments: RollbackStrategy.allCases)
    func anyToAny(strategy: RollbackStrategy) throws {
        let sandbox = try Fuzzer.makeSandbox(strategy)
        let states = try makeStates(sandbox)
        for from in states {
            for to in states {
                let way = "\(strategy): \(from.name) to \(to.name)"
                try sandbox.restore(from.snapshot)
                if from.isForeign {
                    #expect(try sandbox.call("count") == Int64(1002), "\(way)")
                } else {
                    try sandbox.call("run", 9 as UInt64, 30 as UInt32, 0 as UInt32, 0 as UInt64, 0 as UInt64)
                }
                let report = try sandbox.restore(to.snapshot)
                #expect(sandbox.status == .ready && sandbox.lastRollback == report, "\(way)")
                #expect(report.strategy != .automatic, "\(way)")
                #expect(sandbox.exports == to.snapshot.exports, "\(way)")
                #expect(try to.oracle.differences(sandbox) == [], "\(way)")
                if to.isForeign {
                    #expect(try sandbox.call("count") == Int64(1002), "\(way)")
                } else {
                    #expect(try to.oracle.guestDifferences(sandbox) == [], "\(way)")
                }
                try sandbox.restore(to.snapshot)
                #expect(try to.oracle.differences(sandbox) == [], "\(way), and once more")
            }
        }
    }

    @Test("a snapshot of other sizes brings its sizes along", arguments: RollbackStrategy.allCases)
    func otherSizes(strategy: RollbackStrategy) throws {
        let small = try makeBehaved(.init(heapByteCount: 64 << 10, mailboxByteCount: 8 << 10))
        let large = try makeBehaved(
            .init(heapByteCount: 8 << 20, stackByteCount: 256 << 10, mailboxByteCount: 256 << 10))
        let snapshots = [try small.snapshot(), try large.snapshot()]
        let oracles = [try Oracle(small), try Oracle(large)]
        let regions = [small.regions, large.regions]
        let sandbox = try makeBehaved(.init(rollbackStrategy: strategy))
        let bytes = [UInt8](repeating: 7, count: 200_000)
        for index in [0, 1, 0, 0, 1, 1] {
            try sandbox.restore(snapshots[index])
            #expect(sandbox.regions == regions[index])
            #expect(try oracles[index].differences(sandbox) == [])
            if index == 1 {
                #expect(try sandbox.call("echoBytes", bytes) == bytes)
                _ = try sandbox.call("fill", 100_000 as UInt64, 3 as UInt8) as [UInt8]
            } else {
                let error = caughtError { _ = try sandbox.call("echoBytes", bytes) as [UInt8] }
                guard case .argumentsTooLarge = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(try sandbox.call("echoBytes", Array(bytes[..<7_000])) == bytes[..<7_000].map { $0 })
            }
            try sandbox.restore(snapshots[index])
            #expect(try oracles[index].differences(sandbox) == [])
        }
    }

    @Test("a poisoned sandbox gets to any snapshot, too", arguments: RollbackStrategy.allCases)
    func poisoned(strategy: RollbackStrategy) throws {
        let sandbox = try Fuzzer.makeSandbox(strategy)
        for to in try makeStates(sandbox) {
            if !sandbox.exports.contains(where: { $0.name == "spoil" }) { continue }
            _ = caughtFault { try sandbox.call("spoil", 2 as UInt32) }
            #expect(sandbox.status == .poisoned)
            try sandbox.restore(to.snapshot)
            #expect(sandbox.status == .ready)
            #expect(try to.oracle.differences(sandbox) == [], "\(strategy), \(to.name)")
        }
    }

    @Test("a failed argument, result or guest function leaves nothing behind after a restore")
    func failures() throws {
        let sandbox = try makeBehaved(Fuzzer.configuration)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let large = [UInt8](repeating: 0xee, count: 15_000)
        let failing: [(String, () throws -> Void)] = [
            ("arguments too large", { _ = try sandbox.call("hostJoin", "x", large + large, 1.0) as String }),
            (
                "second argument too large",
                { _ = try sandbox.call("hostJoin", String(repeating: "é", count: 6_000), large, 1.0) as String }
            ),
            ("guest error", { try sandbox.call("fails", String(repeating: "x", count: 9_000), 3 as UInt32) }),
            ("result too large", { _ = try sandbox.call("fill", 20_000 as UInt64, 7 as UInt8) as [UInt8] }),
            ("host error", { _ = try sandbox.call("hostJoin", "x", large, 1.0) as String }),
        ]
        for (name, fail) in failing {
            _ = try? fail()
            #expect(sandbox.status == .ready, "\(name)")
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [], "\(name)")
        }
    }

    // MARK: - Function handles

    @Test("a function handle is good for a guest's sandbox, its snapshots, and every sandbox made from them")
    func handles() throws {
        let sandbox = try makeBehaved()
        let count = try sandbox.function("count", as: (() -> Int64).self)
        #expect(try sandbox.call(count) == 1001)
        let snapshot = try sandbox.snapshot()
        let other = try Sandbox(from: snapshot, hostFunctions: makeHostFunctions())
        #expect(try other.call(count) == 1002)
        let grandchild = try Sandbox(from: other.snapshot(), hostFunctions: makeHostFunctions())
        #expect(try grandchild.call(count) == 1003)
        let looked = try grandchild.function("count", as: (() -> Int64).self)
        #expect(try sandbox.call(looked) == 1002)
        try sandbox.restore(snapshot)
        #expect(try sandbox.call(looked) == 1002)
    }

    @Test("a function handle of another guest is refused, also where a sandbox was restored to another guest")
    func foreignHandles() throws {
        let sandbox = try makeBehaved()
        let own = try sandbox.snapshot()
        let count = try sandbox.function("count", as: (() -> Int64).self)
        let hostile = try makeHostile()
        let add = try hostile.function("add", as: ((Int64, Int64) -> Int64).self)
        let foreign = try hostile.snapshot()
        #expect(isForeign(caughtError { _ = try sandbox.call(add, 1, 2) }))
        try sandbox.restore(foreign)
        #expect(try sandbox.call(add, 1, 2) == 3)
        #expect(isForeign(caughtError { _ = try sandbox.call(count) }))
        #expect(sandbox.status == .ready)
        try sandbox.restore(own)
        #expect(try sandbox.call(count) == 1001)
        #expect(isForeign(caughtError { _ = try sandbox.call(add, 1, 2) }))
    }

    private func isForeign(_ error: SandboxError?) -> Bool {
        if case .foreignFunction = error { true } else { false }
    }

    // MARK: - Host functions

    /// What `makeHostFunctions` has, without one of them, or with one of another signature.
    private func makeHost(_ change: (inout HostFunctions) throws -> Void) throws -> HostFunctions {
        var host = HostFunctions()
        try change(&host)
        return host
    }

    @Test("a snapshot is refused where a host function it needs is missing or another, and nothing changes")
    func requiredHostFunctions() throws {
        var full = HostFunctions()
        try full.register("add") { (left: Int64, right: Int64) -> Int64 in left + right }
        try full.register("tick") { () -> Void in }
        let needy = try Sandbox(guest: .bytes(Guests.behaved), hostFunctions: full)
        let snapshot = try needy.snapshot()
        #expect(Set(snapshot.requiredHostFunctions.map(\.name)) == ["add", "tick"])

        let missing = try makeHost { try $0.register("tick") { () -> Void in } }
        let other = try makeHost {
            try $0.register("add") { (left: Int32, right: Int32) -> Int32 in left + right }
            try $0.register("tick") { () -> Void in }
        }
        let more = try makeHost {
            try $0.register("tick") { () -> Void in }
            try $0.register("more") { () -> Void in }
            try $0.register("add") { (left: Int64, right: Int64) -> Int64 in left + right + 1 }
        }
        for (host, found) in [(missing, false), (other, true)] {
            let refused = caughtError { _ = try Sandbox(from: snapshot, hostFunctions: host) }
            expectRequired(refused, found)
            let sandbox = try Sandbox(guest: .bytes(Guests.behaved), hostFunctions: host)
            #expect(try sandbox.call("count") == Int64(1001))
            expectRequired(caughtError { try sandbox.restore(snapshot) }, found)
            #expect(sandbox.status == .ready && sandbox.lastRollback == nil)
            #expect(try sandbox.call("count") == Int64(1002))
            // A poisoned one stays so.
            let own = try sandbox.snapshot()
            expire(sandbox) { try sandbox.call("spin", deadline: $0) }
            expectRequired(caughtError { try sandbox.restore(snapshot) }, found)
            #expect(sandbox.status == .poisoned)
            try sandbox.restore(own)
            #expect(try sandbox.call("count") == Int64(1003))
        }
        let sandbox = try Sandbox(from: snapshot, hostFunctions: more)
        #expect(try sandbox.call("hostAddTwice", 1 as Int64, 1 as Int64) == Int64(5))
    }

    private func expectRequired(_ error: SandboxError?, _ hasOther: Bool, _ location: SourceLocation = #_sourceLocation)
    {
        guard case .hostFunctionRequired("add", let expected, let found) = error else {
            Issue.record("\(String(describing: error))", sourceLocation: location)
            return
        }
        #expect(expected == GuestSignature(result: .int64, arguments: [.int64, .int64]), sourceLocation: location)
        #expect((found != nil) == hasOther, sourceLocation: location)
    }
}
