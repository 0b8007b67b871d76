import CPalimpsest
import Logging
import TestSupport
import Testing

@testable import GuestABI
@testable import Palimpsest

@Suite("Traces")
struct TraceTests {
    /// A sandbox whose calls have copied nothing yet.
    private func fresh(_ guest: [UInt8], _ configuration: SandboxConfiguration? = nil) throws -> (Sandbox, Snapshot) {
        var configuration = configuration ?? smallConfiguration
        configuration.copiesWriteSet = false
        let snapshot = try Sandbox(
            guest: .bytes(guest), configuration: configuration, hostFunctions: makeHostFunctions()
        ).snapshot()
        return (try Sandbox(from: snapshot, configuration: configuration, hostFunctions: makeHostFunctions()), snapshot)
    }

    private func kinds(_ sandbox: Sandbox, _ body: () throws -> Void) throws -> [TraceEvent.Kind] {
        try sandbox.startTracing()
        try? body()
        return try #require(sandbox.stopTracing()).events.map(\.kind)
    }

    @Test("the first call of a sandbox takes its page faults, the next one after a rollback none")
    func firstAndWarm() throws {
        let (sandbox, snapshot) = try fresh(Guests.behaved)
        let first = try kinds(sandbox) {
            let _: Int64 = try sandbox.call("count")
            try sandbox.restore(snapshot)
        }
        #expect(first.first == .call(function: "count", error: nil))
        let faults = first.compactMap { if case .pageFault(let fault) = $0 { fault } else { nil } }
        let copy = try #require(faults.first { $0.cause == .copyOnWrite && $0.region == "data" })
        #expect(copy.access == .write && copy.pagesCopied >= 1)
        #expect(copy.symbol?.hasPrefix("count") == true)
        #expect(first.count { $0 == .guest(exit: .pageFault) } == faults.count)
        #expect(first.count { $0 == .guest(exit: .returned) } == 1)
        let report = try #require(sandbox.lastRollback)
        #expect(first.last == .rollback(report))

        let warm = try kinds(sandbox) {
            let _: Int64 = try sandbox.call("count")
            try sandbox.restore(snapshot)
        }
        #expect(warm.dropLast() == [.call(function: "count", error: nil), .guest(exit: .returned)])
        guard case .rollback(.some(let report)) = warm.last else {
            Issue.record("expected a rollback, found \(String(describing: warm.last))")
            return
        }
        #expect(report.newPages == 0 && report.pages >= 1)
    }

    @Test("events nest, and the guest's parts and the host's fill a call")
    func nesting() throws {
        let (sandbox, _) = try fresh(Guests.behaved)
        try sandbox.startTracing()
        let _: Int64 = try sandbox.call("hostAddTwice", Int64(1), Int64(2))
        let trace = try #require(sandbox.stopTracing())
        let call = try #require(trace.events.first)
        var last = call.start
        for event in trace.events.dropFirst() {
            #expect(event.start >= last, "events of one call do not overlap")
            last = event.start + event.duration
        }
        #expect(last <= call.start + call.duration)
        #expect(trace.lostEventCount == 0)
        #expect(trace.events.count { $0.kind == .hostCall(name: "add", outcome: .returned) } == 2)
    }

    @Test(
        "host calls are there whatever becomes of them",
        arguments: [
            ("add", "lll", TraceHostOutcome.returned), ("missing\u{1b}", "v", .unknown),
            ("add", "v", .signatureMismatch),
            ("throws", "v", .threw), ("huge", "y", .resultTooLarge),
            (String(repeating: "n", count: 300), "v", .malformed),
        ])
    func hostCalls(name: String, signature: String, outcome: TraceHostOutcome) throws {
        let (sandbox, _) = try fresh(Guests.behaved)
        let events = try kinds(sandbox) { let _: UInt32 = try sandbox.call("hostStatus", name, signature) }
        let shown = name.utf8.count > 255 ? "(unreadable name)" : GuestText.escaped(name)
        #expect(events.contains(.hostCall(name: shown, outcome: outcome)))
        #expect(events.contains(.guest(exit: .hostCall)))
    }

    @Test("log lines are there, logged or not, escaped and cut")
    func logLines() throws {
        let lines = LogLines()
        var configuration = smallConfiguration
        configuration.logger = Logger(label: "test") { _ in lines }
        configuration.logger.logLevel = .notice
        let (sandbox, _) = try fresh(Guests.chatty, configuration)
        let events = try kinds(sandbox) {
            try sandbox.call("say", UInt32(PAL_LOG_WARNING), "a\nb")
            try sandbox.call("say", UInt32(PAL_LOG_DEBUG), String(repeating: "x", count: 1_000))
        }
        #expect(
            try kinds(sandbox) { try sandbox.call("printPart", "part") }.last
                == .log(level: .info, text: "part", isLogged: false))
        #expect(events.contains(.log(level: .warning, text: "a\\u{a}b", isLogged: true)))
        #expect(events.contains(.log(level: .debug, text: String(repeating: "x", count: 256), isLogged: false)))
    }

    @Test(
        "a call that fails says so, and how the guest was left",
        arguments: [
            ("invalidOpcode", TraceExit.exception(vector: 6)), ("jumpToZero", .pageFault),
        ])
    func faults(function: String, exit: TraceExit) throws {
        let (sandbox, snapshot) = try fresh(Guests.hostile)
        let events = try kinds(sandbox) {
            #expect(throws: SandboxError.self) { try sandbox.call(function) }
            try sandbox.restore(snapshot)
        }
        #expect(events.first == .call(function: function, error: "fault"))
        #expect(events.contains(.guest(exit: exit)))
        if exit == .pageFault {
            let refused = events.compactMap { if case .pageFault(let fault) = $0 { fault } else { nil } }.last
            #expect(refused?.cause == .refused && refused?.access == .execute && refused?.page == 0)
            #expect(refused?.region == nil)
        }
        guard case .rollback(.some) = events.last else {
            Issue.record("expected a rollback, found \(String(describing: events.last))")
            return
        }
    }

    @Test("a deadline is an interrupt")
    func deadline() throws {
        let (sandbox, _) = try fresh(Guests.behaved)
        let events = try kinds(sandbox) { expire(sandbox) { try sandbox.call("spin", deadline: $0) } }
        #expect(events.first == .call(function: "spin", error: "deadlineExceeded"))
        #expect(events.last == .guest(exit: .interrupted))
    }

    @Test("a trace keeps the newest events, and counts the others")
    func bounded() throws {
        let (sandbox, _) = try fresh(Guests.chatty)
        try sandbox.startTracing(capacity: 10)
        try sandbox.call("flood", UInt64(100))
        let trace = try #require(sandbox.trace)
        #expect(trace.events.count == 10)
        // Entry and log for each line, the return, and the call.
        #expect(trace.lostEventCount >= 192)
        #expect(trace.events.contains { $0.kind == .call(function: "flood", error: nil) })
        for capacity in [0, -1, 1_048_577] {
            guard case .invalidConfiguration = caughtError(of: { try sandbox.startTracing(capacity: capacity) }) else {
                Issue.record("a capacity of \(capacity) was accepted")
                continue
            }
        }
    }

    @Test("batches, snapshots and resident calls are traced, too")
    func otherWays() throws {
        let (sandbox, _) = try fresh(Guests.behaved)
        let echo = try sandbox.function("echoInt64", as: ((Int64) -> Int64).self)
        let events = try kinds(sandbox) {
            _ = try sandbox.callBatch(echo, [1, 2, 3])
            _ = try sandbox.snapshot()
        }
        #expect(events.first == .batch(function: "echoInt64", count: 3))
        #expect(events.contains(.snapshot))

        var configuration = smallConfiguration
        configuration.registerReset = .byGuest(Residency())
        let (resident, snapshot) = try fresh(Guests.behaved, configuration)
        let residentEvents = try kinds(resident) {
            let _: Int64 = try resident.call("hostAddTwice", Int64(1), Int64(2))
            try resident.restore(snapshot)
        }
        #expect(residentEvents.count { $0 == .guest(exit: .hostCall) } == 2)
        #expect(residentEvents.contains(.guest(exit: .returned)))
    }

    @Test("without a trace there is no observer, before and after one")
    func noObserver() throws {
        let (sandbox, _) = try fresh(Guests.behaved)
        #expect(sandbox.observer == nil && sandbox.trace == nil && sandbox.stopTracing() == nil)
        _ = try kinds(sandbox) { try sandbox.call("nothing") }
        #expect(sandbox.observer == nil)
    }
}
