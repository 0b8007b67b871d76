import CPalimpsest
import Synchronization
import Tracing

/// One call on its way through a pool.
///
///     new -> waiting -> running -> ended
///            waiting            -> ended     its deadline passed, its task was cancelled, or the pool refused it
///     new                       -> ended     it was refused at once
///
/// Everything that can change is guarded by the pool's lock. Whoever brings a call to `ended` answers it, outside the
/// lock: so each is answered exactly once. What a call does and gives back is up to `TypedPoolCall`.
class PoolCall: LinkedNode, @unchecked Sendable {
    enum Phase { case new, waiting, running, ended }
    /// Why someone wants it stopped.
    enum Stop { case cancelled, shutDown }

    /// For metrics; nil for a closure.
    let function: String?
    let deadline: ContinuousClock.Instant?
    /// Around all of it, waiting included; nil without a tracer. Set before it is new to anybody else.
    var span: (any Span)?
    /// The same in nanoseconds of the monotonic clock; `UInt64.max` is none, 0 has passed.
    let deadlineNanoseconds: UInt64

    var phase = Phase.new
    var stop: Stop?
    /// In its lane's queue, or among the running.
    var links = Links<PoolCall>()
    /// Its place in the deadline queue.
    var deadlineIndex: Int?
    /// Set when it begins to wait.
    var lane: SnapshotLane?
    /// Lent to it while it runs.
    var sandbox: PooledSandbox?

    /// Set together with `stop`, for the thread that runs it: it begins nothing new.
    let isToStop = Atomic<Bool>(false)

    init(function: String?, deadline: ContinuousClock.Instant?) {
        self.function = function
        self.deadline = deadline
        deadlineNanoseconds = PoolCall.nanoseconds(deadline)
    }

    static func nanoseconds(_ deadline: ContinuousClock.Instant?) -> UInt64 {
        guard let deadline else { return .max }
        let remaining = (deadline - .now).nanosecondsRoundedUp
        return remaining > 0 ? pal_monotonic_nanoseconds() &+ UInt64(remaining) : 0
    }

    /// Does something as part of the call's span.
    func asPart<Value>(_ body: () -> Value) -> Value {
        guard let span else { return body() }
        return ServiceContext.withValue(span.context, operation: body)
    }

    /// Does what the call is for, and keeps the outcome.
    /// - Returns: the `SandboxError` it ended in, if it did.
    func run(in sandbox: Sandbox) -> SandboxError? { nil }

    /// Answers with the outcome of `run`.
    func answer() {}

    /// Answers with an error instead.
    func refuse(_ error: SandboxPoolError) {}

    /// Stops what the guest is doing, if it is doing something. Under the pool's lock: the sandbox is this call's.
    func interrupt() -> Bool { sandbox?.sandbox.control.interrupt() ?? true }
}
