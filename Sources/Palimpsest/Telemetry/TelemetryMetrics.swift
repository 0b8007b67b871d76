import Metrics
import MicroVM

/// The engine's metrics, made once. Those of a pool's own doings are the pool's (`PoolMetrics`).
package struct TelemetryMetrics: Sendable {
    package let calls: Counter
    /// Calls that ended in an error of any kind, faults included.
    let errors: Counter
    package let faults: Counter
    /// `KVM_RUN`s: every call's entry, and every return to the guest after an exit.
    package let entries: Counter
    /// Page faults answered.
    let traps: Counter
    let pagesCopied: Counter
    let hostCalls: Counter
    package let callDuration: Timer
    let hostCallDuration: Timer

    /// Pages written for the first time since the last rollback.
    let pagesWritten: Counter
    package let pagesRestored: Counter
    let rollbackErrors: Counter
    package let rollbackDuration: [RollbackStrategy: Timer]

    package let snapshots: Counter
    package let saveDuration: Timer
    package let loadDuration: Timer
    package let storeErrors: Counter

    init(factory: any MetricsFactory, labels: [(String, String)]) {
        func counter(_ name: String) -> Counter {
            Counter(label: "palimpsest_\(name)", dimensions: labels, factory: factory)
        }
        func timer(_ name: String, _ more: [(String, String)] = []) -> Timer {
            Timer(label: "palimpsest_\(name)", dimensions: labels + more, factory: factory)
        }
        calls = counter("sandbox_calls")
        errors = counter("sandbox_errors")
        faults = counter("sandbox_faults")
        entries = counter("sandbox_entries")
        traps = counter("sandbox_traps")
        pagesCopied = counter("sandbox_pages_copied")
        hostCalls = counter("sandbox_host_calls")
        callDuration = timer("sandbox_call_duration")
        hostCallDuration = timer("sandbox_host_call_duration")
        pagesWritten = counter("sandbox_pages_written")
        pagesRestored = counter("sandbox_pages_restored")
        rollbackErrors = counter("sandbox_rollback_errors")
        rollbackDuration = Dictionary(
            uniqueKeysWithValues: RollbackStrategy.allCases.filter { $0 != .automatic }.map {
                ($0, timer("sandbox_rollback_duration", [("strategy", "\($0)")]))
            })
        snapshots = counter("sandbox_snapshots")
        saveDuration = timer("store_save_duration")
        loadDuration = timer("store_load_duration")
        storeErrors = counter("store_errors")
    }

    /// A call ended, or a batch of `count`.
    package func called(_ count: Int, _ error: SandboxError?, _ work: SandboxStatistics, nanoseconds: UInt64) {
        calls.increment(by: count)
        callDuration.recordNanoseconds(Int64(clamping: nanoseconds))
        entries.increment(by: Int64(clamping: work.vcpuRuns))
        traps.increment(by: Int64(clamping: work.pageFaults))
        pagesCopied.increment(by: Int64(clamping: work.pagesCopied))
        guard let error else { return }
        errors.increment()
        if error.isFault { faults.increment() }
    }

    func calledHost(nanoseconds: UInt64) {
        hostCalls.increment()
        hostCallDuration.recordNanoseconds(Int64(clamping: nanoseconds))
    }

    /// - Parameter report: nil if the rollback failed.
    package func rolledBack(_ report: RollbackReport?, nanoseconds: UInt64) {
        guard let report else { return rollbackErrors.increment() }
        rollbackDuration[report.strategy]?.recordNanoseconds(Int64(clamping: nanoseconds))
        pagesRestored.increment(by: report.pages)
        pagesWritten.increment(by: report.newPages)
    }
}
