import CPalimpsest
import Logging
import MicroVM
import Tracing

/// What looks on as a sandbox works: a trace, telemetry, or both. A sandbox has none as a rule, which it finds out by
/// one comparison for each entry, each rollback, and each exit that is not a return.
package final class SandboxObserver {
    /// What records events for a trace; nil if nobody wants one.
    var recorder: TraceRecorder?
    /// nil if there is nobody to report to.
    package let telemetry: SandboxTelemetry?
    /// Of the call that runs.
    private var callSpan: (any Span)?
    private var hostCallCount = 0

    init(telemetry: SandboxTelemetry? = nil) {
        self.telemetry = telemetry.flatMap { $0.isActive ? $0 : nil }
    }

    /// nil if there is nothing to observe any more.
    var ifNeeded: SandboxObserver? { recorder == nil && telemetry == nil ? nil : self }

    /// Longest text of a log line in a trace, in bytes.
    static let maximumTextByteCount = 256

    package func record(_ kind: @autoclosure () -> TraceEvent.Kind, since start: UInt64) {
        guard recorder != nil else { return }
        let end = pal_monotonic_nanoseconds()
        recorder?.record(kind(), from: start, to: end)
    }

    // MARK: - Calls

    /// What a call began with.
    struct Beginning {
        fileprivate let time = pal_monotonic_nanoseconds()
        fileprivate let statistics: SandboxStatistics
    }

    /// - Parameter count: of the calls in a batch; nil for a call by itself.
    func callBegan(_ function: String, count: Int?, in sandbox: Sandbox) -> Beginning {
        if let span = telemetry?.span(SpanName.call) {
            span.attributes[SpanAttribute.function] = function
            span.attributes[SpanAttribute.sandbox] = Int64(clamping: sandbox.id)
            if let count { span.set(SpanAttribute.callCount, count) }
            callSpan = span
        }
        hostCallCount = 0
        return Beginning(statistics: sandbox.statistics)
    }

    func callEnded(
        _ function: String, count: Int?, _ error: SandboxError?, _ beginning: Beginning, in sandbox: Sandbox
    ) {
        record(
            count.map { .batch(function: function, count: $0) } ?? .call(function: function, error: error?.name),
            since: beginning.time)
        guard let telemetry else { return }
        let work = sandbox.statistics.since(beginning.statistics)
        telemetry.metrics?.called(
            count ?? 1, error, work, nanoseconds: pal_monotonic_nanoseconds() &- beginning.time)
        guard let span = callSpan else { return }
        callSpan = nil
        span.set(SpanAttribute.entries, Int(clamping: work.vcpuRuns))
        span.set(SpanAttribute.traps, Int(clamping: work.pageFaults))
        span.set(SpanAttribute.pagesCopied, Int(clamping: work.pagesCopied))
        span.set(SpanAttribute.hostCalls, hostCallCount)
        span.end(error, name: error?.name)
    }

    // MARK: - Host functions

    /// Runs a host call as part of the call's span, in a span of its own if it has not had too many.
    func aroundHostCall(
        _ name: String, _ body: () throws(SandboxError) -> TraceHostOutcome
    ) throws(SandboxError) {
        let start = pal_monotonic_nanoseconds()
        hostCallCount += 1
        var outcome = TraceHostOutcome.malformed
        defer {
            record(.hostCall(name: name, outcome: outcome), since: start)
            telemetry?.metrics?.calledHost(nanoseconds: pal_monotonic_nanoseconds() &- start)
        }
        guard let callSpan else {
            outcome = try body()
            return
        }
        let hasOwn = hostCallCount <= SandboxTelemetry.hostSpanLimit
        let span = hasOwn ? telemetry?.tracer?.startAnySpan(SpanName.hostFunction, context: callSpan.context) : nil
        span?.attributes[SpanAttribute.function] = name
        let result = ServiceContext.withValue((span ?? callSpan).context) {
            Result { () throws(SandboxError) in try body() }
        }
        switch result {
        case .success(let value):
            outcome = value
            span?.attributes[SpanAttribute.outcome] = value.rawValue
            if value != .returned { span?.setStatus(SpanStatus(code: .error)) }
            span?.end()
        case .failure(let error):
            span?.end(error, name: error.name)
            throw error
        }
    }

    // MARK: - Rollbacks

    func aroundRollback(
        in sandbox: Sandbox, _ body: () throws(SandboxError) -> RollbackReport
    ) throws(SandboxError) -> RollbackReport {
        let start = pal_monotonic_nanoseconds()
        let span = telemetry?.span(SpanName.rollback)
        span?.attributes[SpanAttribute.sandbox] = Int64(clamping: sandbox.id)
        do throws(SandboxError) {
            let report = try body()
            rolledBack(report, since: start)
            span?.attributes[SpanAttribute.strategy] = report.strategy.rawValue
            span?.set(SpanAttribute.pages, report.pages)
            span?.set(SpanAttribute.newPages, report.newPages)
            span?.end(nil, name: nil)
            return report
        } catch {
            rolledBack(nil, since: start)
            span?.end(error, name: error.name)
            throw error
        }
    }

    private func rolledBack(_ report: RollbackReport?, since start: UInt64) {
        record(.rollback(report), since: start)
        telemetry?.metrics?.rolledBack(report, nanoseconds: pal_monotonic_nanoseconds() &- start)
    }

    func tookSnapshot(since start: UInt64) {
        record(.snapshot, since: start)
        telemetry?.metrics?.snapshots.increment()
    }
}

extension SandboxStatistics {
    /// What has been done since they were `earlier`, as far as telemetry wants to know.
    fileprivate func since(_ earlier: SandboxStatistics) -> SandboxStatistics {
        var work = SandboxStatistics()
        work.vcpuRuns = vcpuRuns &- earlier.vcpuRuns
        work.pageFaults = pageFaults &- earlier.pageFaults
        work.pagesCopied = pagesCopied &- earlier.pagesCopied
        return work
    }
}
