import Palimpsest
import TestSupport
import Testing

/// Instructions that hypervisors have got wrong before. What they do depends on the processor and on KVM; what does not
/// is that a restore brings everything back.
@Suite("Hostile instructions")
struct HostileInstructionTests {
    @Test(
        "whatever an instruction does, a restore brings back a sandbox that is as its snapshot and takes calls",
        arguments: [
            "debugTrap", "hypercallIntel", "hypercallAMD", "hypercallPVM", "systemEnter", "shadowedOut",
            "shadowedBreakpoint", "readOpenPort", "readOpenPortToStack", "readOpenPortToConstants",
            "writeOpenPortFromMailbox", "farReturnTo32Bits", "farReturnToTaskState", "raiseIOPL", "returnTrapping",
            "returnNested", "readExtendedControl", "writeExtendedControl", "swapBases", "monitorAndWait", "splitLock",
            "clearGlobalInterrupts", "checkAlignment",
        ], [RegisterReset.byHost, .byGuest(Residency())])
    func restored(name: String, registerReset: RegisterReset) throws {
        var configuration = Fuzzer.configuration
        configuration.registerReset = registerReset
        let sandbox = try makeHostile(configuration)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let state: [UInt8] = try sandbox.call("state")
        try sandbox.restore(snapshot)
        for round in 0..<3 {
            // A guest that waits in an instruction is stopped.
            do throws(SandboxError) {
                try sandbox.call(name, deadline: .now + .seconds(2))
                #expect(sandbox.status == .ready, "round \(round)")
            } catch .deadlineExceeded where sandbox.status == .ready {
                // It has not even begun, on a machine as busy as that.
            } catch {
                #expect(sandbox.status != .ready, "round \(round): \(error)")
            }
            try sandbox.restore(snapshot)
            #expect(sandbox.status == .ready)
            #expect(try sandbox.call("state") == state, "registers, round \(round)")
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [], "round \(round)")
            #expect(try sandbox.call("add", 20 as Int64, 22 as Int64) == Int64(42))
            try sandbox.restore(snapshot)
        }
    }
}
