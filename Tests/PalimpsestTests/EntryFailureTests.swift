import CPalimpsest
import TestSupport
import Testing

@testable import MicroVM
@testable import Palimpsest

/// A machine whose entry code faults before the guest's own code has had a turn is not used again, and the call is made
/// in another one. Nothing that is known brings that about: these tests give a vCPU wrong features.
@Suite("Machines that cannot be entered")
struct EntryFailureTests {
    /// Makes the next entry fail: the entry code is told of an instruction that there is not, or not told of what it
    /// has to put back.
    private static func spoil(_ sandbox: Sandbox) {
        let vcpu = sandbox.machine.vcpu
        let keys = UInt64(PAL_ENTRY_HAS_KEYS)
        if vcpu.entryFeatures & keys != 0 {
            let _: [UInt8]? = try? sandbox.call(
                "act", Leftover.protectionKeys.request(sandbox), 1 as UInt64, 0 as UInt32)
        }
        vcpu.entryFeatures ^= keys
    }

    @Test("the call is made in another machine, with its arguments, on the same memory, and the old one is gone")
    func answered() throws {
        let sandbox = try LeftoverTests.makeSandbox()
        let snapshot = try sandbox.snapshot()
        #expect(try sandbox.call("visit") == Int64(1))
        weak let old = sandbox.machine.shell
        EntryFailureTests.spoil(sandbox)
        #expect(try sandbox.call("visit") == Int64(2))
        #expect(sandbox.statistics.machinesReplaced == 1)
        #expect(sandbox.status == .ready)
        #expect(old == nil)
        #expect(try sandbox.call("add", 20 as Int64, 22 as Int64) == Int64(42))
        try sandbox.restore(snapshot)
        #expect(try sandbox.call("visit") == Int64(1))
        #expect(sandbox.statistics.machinesReplaced == 1)
        let oracle = try Oracle(try Sandbox(from: snapshot, configuration: LeftoverTests.configuration()))
        try sandbox.restore(snapshot)
        #expect(try oracle.differences(sandbox) == [])
    }

    @Test("a resident call, too")
    func resident() throws {
        let sandbox = try LeftoverTests.makeSandbox(.byGuest(Residency()))
        let snapshot = try sandbox.snapshot()
        EntryFailureTests.spoil(sandbox)
        #expect(try sandbox.call("visit") == Int64(1))
        #expect(try sandbox.call("visit") == Int64(2))
        #expect(sandbox.statistics.machinesReplaced == 1)
        try sandbox.restore(snapshot)
        #expect(try sandbox.call("visit", deadline: .now + .seconds(60)) == Int64(1))
    }

    @Test("and a batch")
    func batch() throws {
        let sandbox = try LeftoverTests.makeSandbox()
        let add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
        EntryFailureTests.spoil(sandbox)
        let sums = try sandbox.callBatch(add, [(1, 2), (3, 4), (5, 6)]).map { try $0.get() }
        #expect(sums == [3, 7, 11])
        #expect(sandbox.statistics.machinesReplaced == 1)
    }

    @Test("a deadline stops the call in the other machine as in any")
    func deadline() throws {
        let sandbox = try LeftoverTests.makeSandbox()
        let snapshot = try sandbox.snapshot()
        EntryFailureTests.spoil(sandbox)
        let error = expire(sandbox) {
            let _: [UInt8] = try sandbox.call(
                "act", Leftover.statusFlags.request(sandbox), 0 as UInt64, Leftover.Ending.deadline.code, deadline: $0)
        }
        guard case .deadlineExceeded = error else { return #expect(Bool(false), "\(String(describing: error))") }
        try sandbox.restore(snapshot)
        #expect(try sandbox.call("visit") == Int64(1))
    }

    @Test("a guest that pretends gets one more machine a call and a fault, and nobody gets the machine behind it")
    func pretended() throws {
        let sandbox = try LeftoverTests.makeSandbox()
        let snapshot = try sandbox.snapshot()
        let fault = caughtFault { try sandbox.call("pretend", GuestLayout.entryReset.lowerBound.rawValue) }
        #expect(fault?.vector == 1)
        weak let second = sandbox.machine.shell
        #expect(sandbox.status == .poisoned)
        #expect(sandbox.statistics.machinesReplaced == 1)
        try sandbox.restore(snapshot)
        #expect(second == nil)
        #expect(try sandbox.call("add", 20 as Int64, 22 as Int64) == Int64(42))
        #expect(sandbox.statistics.machinesReplaced == 1)
    }
}
