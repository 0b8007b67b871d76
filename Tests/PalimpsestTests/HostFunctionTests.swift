import CPalimpsest
import Logging
import Palimpsest
import TestSupport
import Testing

@Suite("Host functions")
struct HostFunctionTests {
    @Test("arguments and results of every kind cross the border")
    func roundTrip() throws {
        let sandbox = try makeBehaved()
        #expect(try sandbox.call("hostAddTwice", 1 as Int64, 20 as Int64) as Int64 == 41)
        #expect(try sandbox.call("hostJoin", "ä", [1, 2] as [UInt8], 1.5) as String == "ä|2|1.5")
        try sandbox.call("hostTick")
        #expect(sandbox.statistics.hostCalls == 4)
    }

    @Test("a guest learns why a host call failed, and can go on")
    func statuses() throws {
        let sandbox = try makeBehaved()
        let cases: [(String, String, Int32)] = [
            ("tick", "v", PAL_HOST_OK), ("throws", "v", PAL_HOST_THREW), ("nobody", "v", PAL_HOST_NOT_FOUND),
            ("add", "ll", PAL_HOST_SIGNATURE_MISMATCH), ("huge", "y", PAL_HOST_RESULT_TOO_LARGE),
        ]
        for (name, signature, status) in cases {
            #expect(try sandbox.call("hostStatus", name, signature) as UInt32 == UInt32(status), "\(name)")
        }
        #expect((try sandbox.call("hostErrorMessage") as String).contains("HostFailure"))
        #expect(sandbox.status == .ready)
    }

    @Test("an unhandled failure gives the caller the host's own error")
    func unhandled() throws {
        let hostile = try makeHostile()
        guard
            case .unknownHostFunction("notRegistered", let available) = caughtError(of: {
                try hostile.call("callUnregistered")
            })
        else {
            Issue.record("not reported as unknown")
            return
        }
        #expect(available.contains("add"))
        #expect(hostile.status == .ready)
    }

    @Test("a host function cannot call back into its sandbox")
    func recursion() throws {
        let reentry = Reentry()
        var host = HostFunctions()
        try host.register("tick") { () throws -> Void in try reentry.callBack() }
        let sandbox = try Sandbox(guest: .bytes(Guests.behaved), hostFunctions: host)
        reentry.sandbox = sandbox
        guard case .hostFunction(_, let cause) = caughtError(of: { try sandbox.call("hostTick") }),
            case .callInProgress? = cause as? SandboxError
        else {
            Issue.record("recursion was not refused as a call in progress")
            return
        }
        #expect(sandbox.status == .ready)
        reentry.sandbox = nil
    }

    @Test("names and arities that cannot be are refused when registered")
    func registration() throws {
        var host = HostFunctions()
        try host.register("once") { () -> Void in }
        for name in ["once", "", String(repeating: "x", count: 256)] {
            guard case .invalidHostFunction = caughtError(of: { try host.register(name) { () -> Void in } }) else {
                Issue.record("'\(name.prefix(8))' was accepted")
                continue
            }
        }
        let thirteen = caughtError {
            try host.register("wide") {
                (_: Int, _: Int, _: Int, _: Int, _: Int, _: Int, _: Int, _: Int, _: Int, _: Int, _: Int, _: Int, _: Int)
                    -> Void in
            }
        }
        guard case .invalidHostFunction = thirteen else {
            Issue.record("13 arguments were accepted")
            return
        }
    }

    @Test("a guest's log lines reach the logger with their level, and cannot forge others")
    func log() throws {
        let lines = LogLines()
        var logger = Logger(label: "test") { _ in lines }
        logger.logLevel = .trace
        let sandbox = try makeBehaved(SandboxConfiguration(logger: logger))
        try sandbox.call("writesLog", "one\nERROR forged \u{1b}[2J")
        #expect(lines.all == ["notice one\\u{a}ERROR forged \\u{1b}[2J"])
        try sandbox.call("writesLog", String(repeating: "x", count: 10_000))
        #expect(lines.all.last?.utf8.count == Int(PAL_MAX_MESSAGE_BYTES) + "notice ".utf8.count)
    }
}

/// Smuggles a sandbox into its own host function.
private final class Reentry: @unchecked Sendable {
    var sandbox: Sandbox?
    func callBack() throws { try sandbox?.call("nothing") }
}
