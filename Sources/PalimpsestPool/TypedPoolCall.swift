import Palimpsest

/// A call with its body and its value.
///
/// Only what depends on the value's type is here: to a program that uses the library, everything generic costs a
/// look-up of its type at run time.
final class TypedPoolCall<Value: Sendable>: PoolCall, @unchecked Sendable {
    private let body: @Sendable (Sandbox, PoolCall) throws -> Value
    /// Written before the answer, read after.
    private var value: Value?

    init(
        function: String?, deadline: ContinuousClock.Instant?,
        _ body: @escaping @Sendable (Sandbox, PoolCall) throws -> Value
    ) {
        self.body = body
        super.init(function: function, deadline: deadline)
    }

    override func runBody(in sandbox: Sandbox) throws { value = try body(sandbox, self) }

    /// What became of it, once it is answered.
    func take() throws(SandboxPoolError) -> Value {
        if let failure { throw failure }
        guard let value else { throw .shutDown }
        return value
    }
}
