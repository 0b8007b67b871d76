import InMemoryTracing
import Metrics
import MetricsTestKit
import Synchronization
import TestSupport
import Testing
import Tracing

@testable import Palimpsest
@testable import PalimpsestPool
@testable import PalimpsestStore

@Suite("Metrics and spans")
struct TelemetryTests {
    private let metrics = TestMetrics()
    private let tracer = InMemoryTracer()

    private func telemetry() -> SandboxTelemetry {
        SandboxTelemetry(metrics: metrics, tracer: tracer, labels: [("service", "test")])
    }

    private func configuration() -> SandboxConfiguration {
        var configuration = smallConfiguration
        configuration.telemetry = telemetry()
        configuration.copiesWriteSet = false
        return configuration
    }

    /// One whose calls have copied nothing yet.
    private func fresh(_ guest: [UInt8] = Guests.behaved) throws -> (Sandbox, Snapshot) {
        let snapshot = try Sandbox(
            guest: .bytes(guest), configuration: smallConfiguration, hostFunctions: makeHostFunctions()
        ).snapshot()
        return (
            try Sandbox(from: snapshot, configuration: configuration(), hostFunctions: makeHostFunctions()), snapshot
        )
    }

    private func total(_ name: String) -> Int64 { metrics.counterTotal(label: "palimpsest_\(name)") }
    private func times(_ name: String) -> [Int64] {
        metrics.timers(label: "palimpsest_\(name)").flatMap(\.values)
    }

    private func spans(_ name: String) -> [FinishedInMemorySpan] {
        tracer.finishedSpans.filter { $0.operationName == name }
    }

    private func attribute(_ span: FinishedInMemorySpan, _ name: String) -> String? {
        switch span.attributes.get("palimpsest." + name) {
        case .string(let value): value
        case .int32(let value): "\(value)"
        case .int64(let value): "\(value)"
        default: nil
        }
    }

    // MARK: - Nobody listens

    @Test("with no telemetry, or backends that do nothing, there is no observer")
    func noObserver() throws {
        let quiet = [
            SandboxTelemetry(), SandboxTelemetry(metrics: nil, tracer: nil),
            SandboxTelemetry(metrics: NOOPMetricsHandler.instance, tracer: NoOpTracer()),
        ]
        for telemetry in quiet {
            #expect(!telemetry.isActive)
            var configuration = smallConfiguration
            configuration.telemetry = telemetry
            let sandbox = try makeBehaved(configuration)
            #expect(sandbox.observer == nil)
            try sandbox.startTracing()
            #expect(sandbox.observer != nil)
            sandbox.stopTracing()
            #expect(sandbox.observer == nil)
        }
        #expect(try makeBehaved(smallConfiguration).observer == nil)
    }

    // MARK: - Metrics

    @Test("calls, entries, traps, pages copied and written, host calls and rollbacks are counted and timed")
    func counters() throws {
        let (sandbox, snapshot) = try fresh()
        let before = sandbox.statistics
        for _ in 0..<3 {
            let _: Int64 = try sandbox.call("hostAddTwice", Int64(1), Int64(2))
            let _: Int64 = try sandbox.call("count")
            try sandbox.restore(snapshot)
        }
        let after = sandbox.statistics
        #expect(total("sandbox_calls") == 6 && times("sandbox_call_duration").count == 6)
        #expect(total("sandbox_host_calls") == 6 && times("sandbox_host_call_duration").count == 6)
        #expect(total("sandbox_entries") == Int64(after.vcpuRuns - before.vcpuRuns))
        #expect(total("sandbox_traps") == Int64(after.pageFaults - before.pageFaults))
        #expect(total("sandbox_pages_copied") == Int64(after.pagesCopied - before.pagesCopied))
        #expect(total("sandbox_pages_copied") > 0 && total("sandbox_traps") > 0)
        #expect(total("sandbox_pages_restored") == Int64(after.pagesRestored - before.pagesRestored))
        #expect(total("sandbox_pages_written") > 0)
        #expect(total("sandbox_pages_written") <= total("sandbox_pages_restored"))
        let rollbacks = try metrics.expectTimer(
            "palimpsest_sandbox_rollback_duration", [("service", "test"), ("strategy", "copy")])
        #expect(rollbacks.values.count == 3 && rollbacks.values.allSatisfy { $0 > 0 })
        #expect(total("sandbox_errors") == 0 && total("sandbox_faults") == 0)
        _ = try sandbox.snapshot()
        #expect(total("sandbox_snapshots") == 1)
    }

    @Test("errors are counted, faults among them")
    func errors() throws {
        let (sandbox, snapshot) = try fresh(Guests.hostile)
        _ = caughtFault { try sandbox.call("invalidOpcode") }
        try sandbox.restore(snapshot)
        let (behaved, _) = try fresh()
        _ = caughtError { try behaved.call("raises") }
        #expect(total("sandbox_errors") == 2)
        #expect(total("sandbox_faults") == 1)
    }

    @Test("a batch counts its calls")
    func batch() throws {
        let (sandbox, _) = try fresh()
        let echo = try sandbox.function("echoInt64", as: ((Int64) -> Int64).self)
        _ = try sandbox.callBatch(echo, [1, 2, 3])
        #expect(total("sandbox_calls") == 3)
        let span = try #require(spans("palimpsest.call").first)
        #expect(attribute(span, "call_count") == "3")
        #expect(attribute(span, "outcome") == "ok")
    }

    // MARK: - Spans

    @Test("host functions and rollbacks have spans, host functions below their call's")
    func spans() throws {
        let (sandbox, snapshot) = try fresh()
        let _: Int64 = try sandbox.call("hostAddTwice", Int64(1), Int64(2))
        try sandbox.restore(snapshot)
        let call = try #require(spans("palimpsest.call").first)
        #expect(call.parentSpanID == nil && call.errors.isEmpty && call.status == nil)
        #expect(attribute(call, "function") == "hostAddTwice" && attribute(call, "sandbox") == "\(sandbox.id)")
        #expect(attribute(call, "outcome") == "ok" && attribute(call, "host_calls") == "2")
        #expect(Int(attribute(call, "traps") ?? "") ?? 0 > 0)
        let host = spans("palimpsest.host_function")
        #expect(host.count == 2)
        #expect(host.allSatisfy { $0.parentSpanID == call.spanID && $0.traceID == call.traceID })
        #expect(host.allSatisfy { attribute($0, "function") == "add" && attribute($0, "outcome") == "returned" })
        let rollback = try #require(spans("palimpsest.rollback").first)
        #expect(attribute(rollback, "strategy") == "copy")
        #expect(attribute(rollback, "pages") == "\(sandbox.lastRollback?.pages ?? -1)")
        #expect(attribute(rollback, "new_pages") == "\(sandbox.lastRollback?.newPages ?? -1)")
        #expect(tracer.activeSpans.isEmpty)
    }

    @Test("a call is part of whatever span its caller is in, and what a host function does is part of the call")
    func nesting() throws {
        var host = try makeHostFunctions()
        let tracer = tracer
        try host.register("outside") { () -> Void in tracer.startAnySpan("database").end() }
        let original = try Sandbox(
            guest: .bytes(Guests.behaved), configuration: smallConfiguration, hostFunctions: host)
        let sandbox = try Sandbox(from: original.snapshot(), configuration: configuration(), hostFunctions: host)
        let request = tracer.startAnySpan("request")
        try ServiceContext.withValue(request.context) {
            let _: UInt32 = try sandbox.call("hostStatus", "outside", "v")
        }
        request.end()
        let call = try #require(spans("palimpsest.call").first)
        let function = try #require(spans("palimpsest.host_function").first)
        let database = try #require(spans("database").first)
        #expect(call.parentSpanID == spans("request").first?.spanID)
        #expect(function.parentSpanID == call.spanID)
        #expect(database.parentSpanID == function.spanID)
    }

    @Test(
        "an error is recorded, with its name as the outcome",
        arguments: [("raises", "guestError"), ("spin", "deadlineExceeded")])
    func errorSpans(function: String, outcome: String) throws {
        let (sandbox, _) = try fresh()
        if function == "spin" {
            expire(sandbox) { try sandbox.call(function, deadline: $0) }
        } else {
            _ = caughtError { try sandbox.call(function) }
        }
        let call = try #require(spans("palimpsest.call").first)
        #expect(attribute(call, "outcome") == outcome)
        #expect(call.errors.count == 1 && call.status?.code == .error)
        #expect(tracer.activeSpans.isEmpty)
    }

    @Test("a host function that fails, or that is not there, is an error of its own span")
    func hostErrors() throws {
        let (sandbox, _) = try fresh()
        let _: UInt32 = try sandbox.call("hostStatus", "missing\n", "v")
        let span = try #require(spans("palimpsest.host_function").first)
        #expect(attribute(span, "function") == "missing\\u{a}")
        #expect(attribute(span, "outcome") == "unknown" && span.status?.code == .error)
        _ = caughtFault {
            let _: UInt32 = try sandbox.call("hostStatus", String(repeating: "x", count: 300), "v")
        }
        #expect(tracer.activeSpans.isEmpty)
    }

    @Test("a guest cannot flood the tracer with host calls")
    func hostSpanLimit() throws {
        // The guest calls until it is stopped, which the function does itself when there have been enough.
        let handle = Mutex<InterruptHandle?>(nil)
        let counted = Mutex(0)
        let limit = 2 * SandboxTelemetry.hostSpanLimit
        let host = try makePoolHost(tick: {
            let count = counted.withLock { count in
                count += 1
                return count
            }
            if count == limit { handle.withLock { _ = $0?.interrupt() } }
        })
        let sandbox = try Sandbox(guest: .bytes(Guests.behaved), configuration: configuration(), hostFunctions: host)
        handle.withLock { $0 = sandbox.interruptHandle }
        _ = caughtError { try sandbox.call("spinInHostCalls") }
        let call = try #require(spans("palimpsest.call").first)
        #expect(attribute(call, "host_calls") == "\(limit)")
        #expect(spans("palimpsest.host_function").count == SandboxTelemetry.hostSpanLimit)
    }

    @Test("resident calls are observed as others are")
    func resident() throws {
        var configuration = configuration()
        configuration.registerReset = .byGuest(Residency())
        let sandbox = try makeBehaved(configuration)
        let snapshot = try sandbox.snapshot()
        let _: Int64 = try sandbox.call("hostAddTwice", Int64(1), Int64(2))
        try sandbox.restore(snapshot)
        #expect(spans("palimpsest.call").count == 1 && spans("palimpsest.host_function").count == 2)
        #expect(spans("palimpsest.rollback").count == 1)
    }

    @Test("telemetry and a trace can look on together")
    func both() throws {
        let (sandbox, _) = try fresh()
        try sandbox.startTracing()
        try sandbox.call("nothing")
        #expect(sandbox.stopTracing()?.events.first?.kind == .call(function: "nothing", error: nil))
        try sandbox.call("nothing")
        #expect(spans("palimpsest.call").count == 2 && total("sandbox_calls") == 2)
    }

    // MARK: - Pools

    @Test("a pool's call is a span below its task's; guest, host function and rollback are below it")
    func pool() async throws {
        let pool = try SandboxPool(
            makeBehavedSnapshot(),
            configuration: SandboxPoolConfiguration(
                sandboxCount: 1...1, threadCount: 1, sandbox: configuration(), name: "traced"),
            hostFunctions: makePoolHost())
        let request = tracer.startAnySpan("request")
        let sum: Int64 = try await ServiceContext.withValue(request.context) {
            try await pool.call("hostAddTwice", Int64(1), Int64(2))
        }
        #expect(sum == 5)
        request.end()
        _ = await poolError { try await pool.call("raises") }
        await pool.shutdown()

        let calls = spans("palimpsest.pool.call")
        let call = try #require(calls.first)
        #expect(call.parentSpanID == spans("request").first?.spanID)
        #expect(attribute(call, "pool") == "traced" && attribute(call, "snapshot") == "default")
        #expect(attribute(call, "function") == "hostAddTwice" && attribute(call, "outcome") == "ok")
        let guest = try #require(spans("palimpsest.call").first)
        #expect(guest.parentSpanID == call.spanID && guest.traceID == call.traceID)
        #expect(spans("palimpsest.host_function").allSatisfy { $0.parentSpanID == guest.spanID })
        #expect(spans("palimpsest.host_function").count == 2)
        let rollbacks = spans("palimpsest.rollback")
        #expect(rollbacks.first?.parentSpanID == call.spanID)
        let failed = try #require(calls.last)
        #expect(attribute(failed, "outcome") == "guestError" && failed.errors.count == 1)
        #expect(tracer.activeSpans.isEmpty)
    }

    @Test("a call that never ran has a span that says why")
    func refused() async throws {
        let pool = try SandboxPool(
            makeBehavedSnapshot(),
            configuration: SandboxPoolConfiguration(sandboxCount: 1...1, threadCount: 1, sandbox: configuration()),
            hostFunctions: makePoolHost())
        _ = await poolError { try await pool.call("nothing", snapshot: "missing") }
        _ = await poolError { try await pool.call("nothing", deadline: .now - .seconds(1)) }
        await pool.shutdown()
        #expect(
            spans("palimpsest.pool.call").map { attribute($0, "outcome") }
                == ["unknownSnapshot", "deadlineExceededInQueue"])
        #expect(spans("palimpsest.call").isEmpty && tracer.activeSpans.isEmpty)
    }

    // MARK: - Stores

    @Test("saves and loads have spans and times; what fails is an error")
    func store() throws {
        let folder = TemporaryStore()
        let store = try SnapshotStore(at: folder.path, create: true, telemetry: telemetry())
        let snapshot = try makeBehavedSnapshot()
        try store.save(snapshot, tag: "warm")
        _ = try store.load("warm")
        #expect(throws: SnapshotStoreError.self) { try store.load("missing") }
        let save = try #require(spans("palimpsest.save").first)
        #expect(attribute(save, "reference") == "warm" && attribute(save, "store") == folder.path)
        #expect(
            attribute(save, "bytes") == "\(snapshot.byteCount)" && attribute(save, "layers") == "\(snapshot.layerCount)"
        )
        let loads = spans("palimpsest.load")
        #expect(loads.map { attribute($0, "outcome") } == ["ok", "unknownReference"])
        #expect(loads.last?.errors.count == 1)
        #expect(times("store_save_duration").count == 1 && times("store_load_duration").count == 1)
        #expect(total("store_errors") == 1)
    }
}
