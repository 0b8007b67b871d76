import CPalimpsest
import Logging

/// What looks on as a sandbox works. A sandbox has none as a rule, which it finds out by one comparison for each entry,
/// each rollback, and each exit that is not a return.
final class SandboxObserver {
    /// What records events for a trace; nil if nobody wants one.
    var recorder: TraceRecorder?

    /// nil if there is nothing to observe any more.
    var ifNeeded: SandboxObserver? { recorder == nil ? nil : self }

    /// Longest text of a log line in a trace, in bytes.
    static let maximumTextByteCount = 256

    func record(_ kind: @autoclosure () -> TraceEvent.Kind, since start: UInt64) {
        guard recorder != nil else { return }
        let end = pal_monotonic_nanoseconds()
        recorder?.record(kind(), from: start, to: end)
    }
}
