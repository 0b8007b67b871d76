import CPalimpsest
import Glibc
import Palimpsest
import Synchronization
import Tracing

/// One call on its way through a pool.
///
///     new -> waiting -> running -> ended
///            waiting            -> ended     its deadline passed, its task was cancelled, or the pool refused it
///     new                       -> ended     it was refused at once
///                       running -> late      it did not come back when it was to: its caller waits no longer
///                                  late -> ended
///
/// Everything that can change is guarded by the pool's lock. Whoever takes a call out of `new`, `waiting` or `running`
/// for good answers it, outside the lock, or leaves it with the answers that are held: so each is answered exactly
/// once, and what a late one brings back is dropped. What a call does and gives back is up to `TypedPoolCall`.
class PoolCall: LinkedNode, @unchecked Sendable {
    enum Phase {
        case new, waiting, running
        /// Answered, and still running: its thread and its sandbox are taken until it is back.
        case late
        case ended
    }
    /// Why it is to come back. `expired` needs nobody to stop the guest: its own deadline does.
    enum Stop { case expired, cancelled, shutDown }
    /// Who is where: the caller may still be looking when the answer comes, or be suspended already.
    private enum Progress: UInt8, AtomicRepresentable { case pending, suspended, answered }

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
    /// When the keeper has to see to it: its deadline, or the end of its time to come back. In the clock of
    /// `deadlineNanoseconds`.
    var dueTime: UInt64
    /// Its place in the deadline queue.
    var deadlineIndex: Int?
    /// Its task runs on a thread of the pool's: its answer wakes nobody.
    var isFromPool = false
    /// Set when it begins to wait.
    var lane: SnapshotLane?
    /// Lent to it while it runs.
    var sandbox: PooledSandbox?

    /// Set when it is stopped, for the thread that runs it: it begins nothing new.
    let isToStop = Atomic<Bool>(false)

    private let progress = Atomic<Progress>(.pending)
    /// Written before `progress` becomes `suspended`, read after. Unsafe, as its one resumption is `progress`'s
    /// invariant.
    private var continuation: UnsafeContinuation<Void, Never>?
    /// What it ended in, if in an error. Only its thread's until it is answered with it: that may be after it was
    /// refused.
    private var ownFailure: SandboxPoolError?
    /// What it was refused with. Written before `progress` becomes `answered`, read after.
    private var refusal: SandboxPoolError?

    /// Why there is no value. For whoever has waited for the answer.
    var failure: SandboxPoolError? { refusal ?? ownFailure }

    init(function: String?, deadline: ContinuousClock.Instant?) {
        self.function = function
        self.deadline = deadline
        deadlineNanoseconds = PoolCall.nanoseconds(deadline)
        dueTime = deadlineNanoseconds
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

    // MARK: - Its outcome

    /// Does what the call is for, and keeps the outcome.
    /// - Returns: the `SandboxError` it ended in, if it did.
    func run(in sandbox: Sandbox) -> SandboxError? {
        do {
            guard !isToStop.load(ordering: .acquiring) else { throw SandboxError.interrupted }
            try runBody(in: sandbox)
            return nil
        } catch let error as SandboxError {
            ownFailure = .sandbox(error)
            return error
        } catch {
            ownFailure = .body(error)
            return nil
        }
    }

    /// Does what the call is for, and keeps its value.
    func runBody(in sandbox: Sandbox) throws {}

    /// Answers with the outcome of `run`.
    func answer() {
        if progress.exchange(.answered, ordering: .acquiringAndReleasing) == .suspended { continuation?.resume() }
    }

    /// Answers with an error instead.
    func refuse(_ error: SandboxPoolError) {
        refusal = error
        answer()
    }

    /// Waits for the answer without suspending the task, for at most so long.
    func look(nanoseconds: UInt64) {
        let end = pal_monotonic_nanoseconds() &+ nanoseconds
        while pal_monotonic_nanoseconds() < end {
            for _ in 0..<ParkingSpot.looksPerClock {
                if progress.load(ordering: .relaxed) == .answered { return }
                pal_pause()
            }
            // The thread that is to answer may be waiting for this very processor.
            sched_yield()
        }
    }

    /// Waits until it is answered. Once.
    nonisolated(nonsending) func wait() async {
        guard progress.load(ordering: .acquiring) != .answered else { return }
        await withUnsafeContinuation { continuation in
            self.continuation = continuation
            let suspension = progress.compareExchange(
                expected: .pending, desired: .suspended, ordering: .acquiringAndReleasing)
            if !suspension.exchanged { continuation.resume() }
        }
    }

    /// Stops what the guest is doing, if it is doing something. Under the pool's lock: the sandbox is this call's.
    func interrupt() -> Bool { sandbox?.sandbox.control.interrupt() ?? true }
}
