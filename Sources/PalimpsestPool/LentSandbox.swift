import GuestABI
import Palimpsest

/// A sandbox of a pool's, lent to a closure of `SandboxPool.withSandbox` for as long as it runs.
///
/// It cannot be kept: it is not copyable and only borrowed, so the compiler refuses to store it, to return it, and to
/// capture it in a closure that escapes.
///
/// Its calls end at the deadline of the lending, if that comes before their own (`SandboxError.deadlineExceeded`), and
/// when the task is cancelled or the pool shut down (`interrupted`); and so does every later one.
public struct LentSandbox: ~Copyable {
    package let sandbox: Sandbox
    private let lending: PoolCall

    init(_ sandbox: Sandbox, to lending: PoolCall) {
        self.sandbox = sandbox
        self.lending = lending
    }

    /// What the guest exports.
    public var exports: [GuestExport] { sandbox.exports }

    /// `poisoned` after a call that faulted or was stopped: it takes no more calls then.
    public var status: SandboxStatus { sandbox.status }

    /// A handle of a function; good in every sandbox of the snapshot, and for as long as anyone keeps it.
    /// - Throws: `SandboxError.unknownFunction` or `signatureMismatch`.
    public func function<Result: GuestValue, each Argument: GuestValue>(
        _ name: String, as type: ((repeat each Argument) -> Result).Type
    ) throws(SandboxError) -> GuestFunction<Result, repeat each Argument> {
        try sandbox.function(name, as: type)
    }

    /// A handle of a function without result.
    public func function<each Argument: GuestValue>(
        _ name: String, as type: ((repeat each Argument) -> Void).Type
    ) throws(SandboxError) -> GuestFunction<Void, repeat each Argument> {
        try sandbox.function(name, as: type)
    }

    /// Calls a guest function by name, as `Sandbox.call` does.
    public func call<Result: GuestValue, each Argument: GuestValue>(
        _ name: String, _ arguments: repeat each Argument, deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> Result {
        try sandbox.call(name, repeat each arguments, deadline: limit(deadline))
    }

    /// Calls a guest function without result by name.
    public func call<each Argument: GuestValue>(
        _ name: String, _ arguments: repeat each Argument, deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) {
        try sandbox.call(name, repeat each arguments, deadline: limit(deadline))
    }

    /// Calls a guest function by handle.
    public func call<Result: GuestValue, each Argument: GuestValue>(
        _ function: GuestFunction<Result, repeat each Argument>, _ arguments: repeat each Argument,
        deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> Result {
        try sandbox.call(function, repeat each arguments, deadline: limit(deadline))
    }

    /// Calls a guest function without result by handle.
    public func call<each Argument: GuestValue>(
        _ function: GuestFunction<Void, repeat each Argument>, _ arguments: repeat each Argument,
        deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) {
        try sandbox.call(function, repeat each arguments, deadline: limit(deadline))
    }

    /// Calls a guest function with values whose types are only known at run time.
    public func call(
        _ name: String, arguments: [AnyGuestValue], deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> AnyGuestValue {
        try sandbox.call(name, arguments: arguments, deadline: limit(deadline))
    }

    /// Calls a guest function once for each element, in one entry, as `Sandbox.callBatch` does.
    public func callBatch<Result: GuestValue, each Argument: GuestValue>(
        _ function: GuestFunction<Result, repeat each Argument>, _ arguments: [(repeat each Argument)],
        deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> [Swift.Result<Result, SandboxError>] {
        try sandbox.callBatch(function, arguments, deadline: limit(deadline))
    }

    /// Calls a guest function once for each list of values, whose types are only known at run time.
    public func callBatch(
        _ name: String, arguments: [[AnyGuestValue]], deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> [Swift.Result<AnyGuestValue, SandboxError>] {
        try sandbox.callBatch(name, arguments: arguments, deadline: limit(deadline))
    }

    /// The earlier of both deadlines.
    /// - Throws: `SandboxError.interrupted` if the lending is over: nothing runs.
    private func limit(_ deadline: ContinuousClock.Instant?) throws(SandboxError) -> ContinuousClock.Instant? {
        guard !lending.isToStop.load(ordering: .acquiring) else { throw .interrupted }
        guard let deadline, let last = lending.deadline else { return deadline ?? lending.deadline }
        return min(deadline, last)
    }
}
