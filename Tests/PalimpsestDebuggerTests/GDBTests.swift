import Foundation
import GuestABI
import Palimpsest
import PalimpsestDebugger
import Testing

/// Sessions of the real gdb with real guests.
@Suite(.serialized) struct GDBTests {
    private func debug(
        _ guest: Debuggee, _ function: String, _ arguments: [AnyGuestValue] = [], symbols: Bool = true,
        _ commands: String...
    ) throws -> (text: String, outcome: Debuggee.Outcome) {
        var text = ""
        let outcome = try guest.call(function, arguments) { address in
            text = try GDB.run(commands, on: symbols ? guest.path : nil, at: address)
        }
        return (text, outcome)
    }

    private func expectReady(_ outcome: Debuggee.Outcome, _ value: AnyGuestValue) throws {
        #expect(try outcome.result.get() == value)
        #expect(outcome.status == .ready)
        if let sum = outcome.sumAfterwards { #expect(sum == 10) }
    }

    @Test func breakpointStepLocalsAndBacktrace() throws {
        let (text, outcome) = try debug(
            .c, "sum", [.int64(3)], "break add", "continue", "next", "info locals", "backtrace", "info line",
            "delete", "continue")
        #expect(text.contains("Breakpoint 1, add (left=0, right=1)"), "\(text)")
        #expect(text.contains("result = 1"), "\(text)")
        #expect(text.contains("in sum (count=3) at ") && text.contains("debuggee.c:21"), "\(text)")
        #expect(text.contains("exited normally"), "\(text)")
        try expectReady(outcome, .int64(6))
    }

    @Test func stepAndFinish() throws {
        let (text, outcome) = try debug(
            .c, "sum", [.int64(3)], "break sum", "continue", "step", "step", "info symbol $pc", "finish", "continue")
        #expect(text.contains("add + ") || text.contains("add in section"), "\(text)")
        #expect(text.contains("Value returned is $1 = 1"), "\(text)")
        try expectReady(outcome, .int64(6))
    }

    @Test func finishOutOfTheExportedFunction() throws {
        let (text, outcome) = try debug(.c, "sum", [.int64(3)], "break sum", "continue", "finish", "stepi", "continue")
        #expect(text.contains("Value returned is $1 = 6"), "\(text)")
        #expect(text.contains("exited normally"), "\(text)")
        try expectReady(outcome, .int64(6))
    }

    @Test func breakpointsOfBothKindsAtOnePlace() throws {
        let (text, outcome) = try debug(
            .c, "sum", [.int64(3)], "break add", "hbreak add", "continue", "delete 1", "continue", "print right",
            "delete", "continue")
        #expect(text.contains("$1 = 2"), "\(text)")
        try expectReady(outcome, .int64(6))
    }

    @Test func breakpointInSwift() throws {
        let (text, outcome) = try debug(
            .swift, "weight", [.string("four")], "break main.swift:4", "continue", "info locals",
            "backtrace 3", "delete", "continue")
        #expect(text.contains("main.swift:"), "\(text)")
        #expect(text.contains("length = {_value = 4}") && text.contains("weigh"), "\(text)")
        #expect(text.contains("weigh"), "\(text)")
        try expectReady(outcome, .int64(12))
    }

    @Test func gdbFindsTheGuestByItself() throws {
        let (text, outcome) = try debug(
            .c, "sum", [.int64(1)], symbols: false, "break add", "continue", "delete", "continue")
        #expect(text.contains("add (left=0, right=1)"), "\(text)")
        try expectReady(outcome, .int64(1))
    }

    @Test func watchpoint() throws {
        let (text, outcome) = try debug(
            .c, "sum", [.int64(2)], "watch total", "continue", "continue", "delete", "continue")
        #expect(text.contains("Hardware watchpoint 1: total"), "\(text)")
        #expect(text.contains("Old value = 0") && text.contains("New value = 1"), "\(text)")
        #expect(text.contains("New value = 3"), "\(text)")
        try expectReady(outcome, .int64(3))
    }

    @Test func hardwareBreakpoint() throws {
        let (text, outcome) = try debug(
            .c, "sum", [.int64(2)], "hbreak add", "continue", "print right", "continue", "print right", "stepi",
            "delete",
            "continue")
        #expect(text.contains("$1 = 1") && text.contains("$2 = 2"), "\(text)")
        try expectReady(outcome, .int64(3))
    }

    @Test func fault() throws {
        let (text, outcome) = try debug(.c, "crash", [.int64(2)], "continue", "backtrace", "continue")
        #expect(text.contains("SIGSEGV") && text.contains("in store (place=0x10"), "\(text)")
        #expect(text.components(separatedBy: "in crash (depth=").count == 4, "\(text)")
        #expect(throws: SandboxError.self) { try outcome.result.get() }
        guard case .failure(.fault(let fault)) = outcome.result else { return #expect(Bool(false), "no fault") }
        #expect(fault.address == 16)
        #expect(outcome.status == .poisoned)
        #expect(outcome.sumAfterwards == 10)
    }

    @Test func rollBackAndRunAgain() throws {
        let (text, outcome) = try debug(
            .c, "sum", [.int64(3)], "break add if right == 3", "continue", "print total", "reverse-continue",
            "print total", "continue", "print total", "monitor rollback", "maintenance flush register-cache",
            "print total", "delete", "continue")
        #expect(text.contains("$1 = 3") && text.contains("$2 = 0") && text.contains("$3 = 3"), "\(text)")
        #expect(text.contains("$4 = 0"), "\(text)")
        try expectReady(outcome, .int64(6))
    }

    @Test func rollBackAfterAFault() throws {
        let (text, outcome) = try debug(
            .c, "crash", [.int64(0)], "continue", "reverse-continue", "break store", "continue",
            "set var place = &total",
            "delete", "continue")
        #expect(text.contains("SIGSEGV") && text.contains("Breakpoint 1, store"), "\(text)")
        try expectReady(outcome, .int64(0))
    }

    @Test func memoryAndRegistersCanBeChanged() throws {
        let (text, outcome) = try debug(
            .c, "sum", [.int64(3)], "set var total = 100", "break add", "continue", "set var left = 1000",
            "print $_siginfo", "print $fs_base", "print/x $mxcsr", "delete", "continue")
        #expect(text.contains("= 0x1f80"), "\(text)")
        try expectReady(outcome, .int64(1006))
    }

    @Test func floatingPointRegisters() throws {
        let (text, outcome) = try debug(
            .c, "scale", [.double(4)], "break scale", "continue", "print $xmm0.v2_double[0]", "print value",
            "set var value = 8", "delete", "continue")
        #expect(text.contains("value=4"), "\(text)")
        try expectReady(outcome, .double(20))
    }

    @Test func readOnlyMemoryStaysAsItIs() throws {
        let (text, outcome) = try debug(
            .c, "sum", [.int64(1)], "set var *(char *)sum = 0", "set var *(char *)0x10 = 0", "x/b 0xffff800000001000",
            "set var *(long *)$pc = 0", "continue")
        #expect(text.components(separatedBy: "Cannot access memory at address").count >= 4, "\(text)")
        try expectReady(outcome, .int64(1))
    }

    @Test func hostCallsAreStops() throws {
        let (text, outcome) = try debug(
            .c, "ask", [.int64(5)], "monitor hostcalls on", "continue", "backtrace", "monitor hostcalls off", "continue"
        )
        #expect(text.contains("Host function 'answer' is about to be called."), "\(text)")
        #expect(text.contains("ask (question="), "\(text)")
        try expectReady(outcome, .int64(11))
    }

    @Test func interruptDetachAndKill() throws {
        var text = ""
        // Not before the guest runs: gdb itself would be interrupted.
        let isAsked = DispatchSemaphore(value: 0)
        let outcome = try Debuggee.c.call("askAndSpin", [.int64(1)], signalling: isAsked) { address in
            text = try GDB.run(
                ["continue", "backtrace", "kill"], on: Debuggee.c.path, at: address, interruptAt: isAsked)
        }
        // In its loop, or on the way back from the host.
        #expect(text.contains("SIGINT") && text.contains("askAndSpin (question=1)"), "\(text)")
        guard case .failure(.interrupted) = outcome.result else { return #expect(Bool(false), "\(outcome.result)") }
        #expect(outcome.status == .poisoned && outcome.sumAfterwards == 10)

        let (_, detached) = try debug(.c, "sum", [.int64(3)], "break add", "watch total", "continue", "detach")
        try expectReady(detached, .int64(6))

        let (_, killed) = try debug(.c, "sum", [.int64(3)], "break add", "continue", "kill")
        guard case .failure(.interrupted) = killed.result else { return #expect(Bool(false), "\(killed.result)") }
        #expect(killed.status == .poisoned && killed.sumAfterwards == 10)
    }

    @Test func overAUnixSocket() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gdb-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("socket").path
        var text = ""
        let outcome = try Debuggee.c.call("sum", [.int64(2)], at: "unix:\(path)") { address in
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            text = try GDB.run(["continue"], on: Debuggee.c.path, at: address)
        }
        #expect(text.contains("exited normally"), "\(text)")
        try expectReady(outcome, .int64(3))
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
