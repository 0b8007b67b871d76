/// A sandbox of a pool's, lent to a closure of `SandboxPool.withSandbox` for as long as it runs.
///
/// It cannot be kept: it is not copyable and only borrowed, so the compiler refuses to store it, to return it and to
/// capture it in a closure that escapes.
///
/// Its calls end at the deadline of the lending, if that comes before their own, and when the task is cancelled: they
/// throw `SandboxError.deadlineExceeded` or `interrupted`, and so does every later one.
public struct LentSandbox: ~Copyable {
    let sandbox: Sandbox

    /// What the guest exports.
    public var exports: [GuestExport] { sandbox.exports }
    /// `poisoned` after a call that faulted or was stopped: only `restore` helps then.
    public var status: SandboxStatus { sandbox.status }

    /// A handle of a function; good in every sandbox of the snapshot, later ones included.
    /// - Throws: `SandboxError.unknownFunction` or `signatureMismatch`.
    public func function<Result: GuestValue, each Argument: GuestValue>(
        _ name: String, as type: ((repeat each Argument) -> Result).Type
    ) throws(SandboxError) -> GuestFunction<Result, repeat each Argument> {
        try sandbox.function(name, as: type)
    }

    /// Calls a guest function by name, as `Sandbox.call` does.
    public func call<Result: GuestValue, each Argument: GuestValue>(
        _ name: String, _ arguments: repeat each Argument, deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> Result {
        try sandbox.call(name, repeat each arguments, deadline: deadline)
    }
}
