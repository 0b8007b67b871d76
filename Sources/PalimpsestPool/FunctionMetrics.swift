import Metrics
import Palimpsest

/// The metrics of one function of a snapshot.
struct FunctionMetrics: Sendable {
    private let calls: Counter
    private let faults: Counter
    private let timeouts: Counter
    private let cancellations: Counter
    private let duration: Timer

    init(_ labels: [(String, String)]) {
        calls = Counter(label: "palimpsest_pool_calls", dimensions: labels)
        faults = Counter(label: "palimpsest_pool_faults", dimensions: labels)
        timeouts = Counter(label: "palimpsest_pool_timeouts", dimensions: labels)
        cancellations = Counter(label: "palimpsest_pool_cancellations", dimensions: labels)
        duration = Timer(label: "palimpsest_pool_call_duration", dimensions: labels)
    }

    /// A call ran, for so long.
    /// - Parameter isLate: that it was stopped, or was to be, has been told already (`refused`).
    func ran(_ error: SandboxError?, isLate: Bool, nanoseconds: UInt64) {
        calls.increment()
        duration.recordNanoseconds(Int64(clamping: nanoseconds))
        switch error {
        case .interrupted where !isLate: cancellations.increment()
        case .deadlineExceeded where !isLate: timeouts.increment()
        case .some(let error) where error.isFault: faults.increment()
        default: break
        }
    }

    /// A call was answered without coming back: it never ran, or runs on.
    func refused(_ error: SandboxPoolError) {
        switch error {
        case .cancelled: cancellations.increment()
        case .deadlineExceededInQueue, .sandbox(.deadlineExceeded): timeouts.increment()
        default: break
        }
    }

    func destroy() {
        for counter in [calls, faults, timeouts, cancellations] { counter.destroy() }
        duration.destroy()
    }
}
