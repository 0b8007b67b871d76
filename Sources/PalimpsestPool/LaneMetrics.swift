import GuestABI
import Metrics
import MicroVM
import Palimpsest
import Synchronization

/// The metrics of one snapshot, and of the functions that its guest exports.
final class LaneMetrics: Sendable {
    let overloads: Counter
    let replacements: Counter
    let evictions: Counter
    private let rollbackPages: Recorder
    private let rollbackDuration: Timer
    private let labels: [(String, String)]
    private let functions = Mutex<[ByteName: FunctionMetrics]>([:])
    /// Of closures, and of calls of functions that the guest does not export: there may be any number of those.
    private let closure: FunctionMetrics
    private let other: FunctionMetrics

    /// As many functions as a guest can export; a snapshot that is loaded again may export others.
    static let functionLimit = 1_024

    init(_ labels: [(String, String)]) {
        self.labels = labels
        overloads = Counter(label: "palimpsest_pool_overloads", dimensions: labels)
        replacements = Counter(label: "palimpsest_pool_replacements", dimensions: labels)
        evictions = Counter(label: "palimpsest_pool_evictions", dimensions: labels)
        rollbackPages = Recorder(label: "palimpsest_pool_rollback_pages", dimensions: labels)
        rollbackDuration = Timer(label: "palimpsest_pool_rollback_duration", dimensions: labels)
        closure = FunctionMetrics(labels + [("function", "(closure)")])
        other = FunctionMetrics(labels + [("function", "(other)")])
    }

    func rolledBack(_ report: RollbackReport, nanoseconds: UInt64) {
        rollbackPages.record(report.pages)
        rollbackDuration.recordNanoseconds(Int64(clamping: nanoseconds))
    }

    /// - Parameters:
    ///   - name: nil for a closure.
    ///   - snapshot: says whether there is such a function; nil if it is not loaded.
    func function(_ name: String?, of snapshot: Snapshot?) -> FunctionMetrics {
        guard let name else { return closure }
        return functions.withLock { functions in
            if let known = functions[ByteName(name)] { return known }
            guard snapshot?.program.export(name) != nil, functions.count < LaneMetrics.functionLimit else {
                return other
            }
            let new = FunctionMetrics(labels + [("function", name)])
            functions[ByteName(name)] = new
            return new
        }
    }

    /// The snapshot is no longer offered.
    func destroy() {
        for counter in [overloads, replacements, evictions] { counter.destroy() }
        rollbackPages.destroy()
        rollbackDuration.destroy()
        for function in functions.withLock({ Array($0.values) }) + [closure, other] { function.destroy() }
    }
}
