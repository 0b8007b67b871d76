/// A call with its body and whoever waits for its value.
final class TypedPoolCall<Value: Sendable>: PoolCall, @unchecked Sendable {
    typealias Outcome = Result<Value, SandboxPoolError>

    private let body: @Sendable (Sandbox, PoolCall) throws -> Value
    private var outcome: Outcome?
    /// Set once, before the call is given to the pool. Unsafe, as its one resumption is `PoolCall`'s invariant.
    private var continuation: UnsafeContinuation<Outcome, Never>?

    init(
        function: String?, deadline: ContinuousClock.Instant?,
        _ body: @escaping @Sendable (Sandbox, PoolCall) throws -> Value
    ) {
        self.body = body
        super.init(function: function, deadline: deadline)
    }

    /// Who is to be answered.
    func await(_ continuation: UnsafeContinuation<Outcome, Never>) { self.continuation = continuation }

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
        guard let outcome else { return }
        self.outcome = nil
        resume(outcome)
    }

    override func refuse(_ error: SandboxPoolError) { resume(.failure(error)) }

    private func resume(_ outcome: Outcome) {
        continuation?.resume(returning: outcome)
        continuation = nil
    }
}
