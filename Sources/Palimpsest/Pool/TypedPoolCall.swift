import CPalimpsest
import Glibc
import Synchronization

/// A call with its body and whoever waits for its value.
final class TypedPoolCall<Value: Sendable>: PoolCall, @unchecked Sendable {
    typealias Outcome = Result<Value, SandboxPoolError>

    /// Who is where: the caller may still be looking when the answer comes, or be suspended already.
    private enum Progress: UInt8, AtomicRepresentable { case pending, suspended, answered }

    private let body: @Sendable (Sandbox, PoolCall) throws -> Value
    private let progress = Atomic<Progress>(.pending)
    /// Written before `progress` becomes `answered`, read after.
    private var outcome = Outcome.failure(.shutDown)
    /// Written before `progress` becomes `suspended`, read after. Unsafe, as its one resumption is `progress`'s invariant.
    private var continuation: UnsafeContinuation<Void, Never>?

    init(
        function: String?, deadline: ContinuousClock.Instant?,
        _ body: @escaping @Sendable (Sandbox, PoolCall) throws -> Value
    ) {
        self.body = body
        super.init(function: function, deadline: deadline)
    }

    override func run(in sandbox: Sandbox) -> SandboxError? {
        do {
            guard !isToStop.load(ordering: .acquiring) else { throw SandboxError.interrupted }
            outcome = .success(try body(sandbox, self))
            return nil
        } catch let error as SandboxError {
            outcome = .failure(.sandbox(error))
            return error
        } catch {
            outcome = .failure(.body(error))
            return nil
        }
    }

    override func answer() {
        if progress.exchange(.answered, ordering: .acquiringAndReleasing) == .suspended { continuation?.resume() }
    }

    override func refuse(_ error: SandboxPoolError) {
        outcome = .failure(error)
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

    /// What became of it. Once.
    nonisolated(nonsending) func wait() async -> Outcome {
        if progress.load(ordering: .acquiring) != .answered {
            await withUnsafeContinuation { continuation in
                self.continuation = continuation
                let suspension = progress.compareExchange(
                    expected: .pending, desired: .suspended, ordering: .acquiringAndReleasing)
                if !suspension.exchanged { continuation.resume() }
            }
        }
        return outcome
    }
}
