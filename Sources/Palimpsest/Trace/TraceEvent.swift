import Logging
import MicroVM

/// One thing that happened in a traced sandbox: when, for how long, and what.
///
/// Events nest: a call's is as long as the call, and what happened in it lies within.
public struct TraceEvent: Sendable, Hashable {
    /// When it began: nanoseconds since tracing was started.
    public var start: UInt64
    /// Nanoseconds.
    public var duration: UInt64
    public var kind: Kind

    public enum Kind: Sendable, Hashable {
        /// A call of the embedder's. `error` is nil if it came back, else the name of the `SandboxError`.
        case call(function: String, error: String?)
        /// A batch of so many calls, in as many entries as it took.
        case batch(function: String, count: Int)
        /// The guest ran, until it left for this reason. The first and the last one of a call are its entry and its
        /// return.
        case guest(exit: TraceExit)
        /// The guest touched a page that was not there, or not as it wanted it.
        case pageFault(TracePageFault)
        /// The guest called a host function. `outcome` is how that is told to the guest.
        case hostCall(name: String, outcome: TraceHostOutcome)
        /// The guest wrote a line to its log: the first 256 bytes of it, escaped. `isLogged` is false if the line was
        /// dropped, or below the logger's level.
        case log(level: Logger.Level, text: String, isLogged: Bool)
        /// The sandbox was brought back to a snapshot; nil if that failed.
        case rollback(RollbackReport?)
        /// A snapshot was taken.
        case snapshot
    }

    public init(start: UInt64, duration: UInt64, kind: Kind) {
        self.start = start
        self.duration = duration
        self.kind = kind
    }
}
