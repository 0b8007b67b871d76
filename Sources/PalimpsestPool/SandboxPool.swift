import GuestABI
import Palimpsest

/// Calls guest functions at a high rate from any number of tasks, each call in a sandbox rolled back to its snapshot.
///
///     let pool = try SandboxPool(snapshot, hostFunctions: host)
///     let greeting: String = try await pool.call("greet", "World", deadline: .now + .milliseconds(50))
///     await pool.shutdown()
///
/// Guests run on a few threads of the pool's own, never on Swift's. What one call does, no other one can see: a fault
/// or a stopped call costs only itself, and a sandbox is rolled back, or replaced, before it is lent again. Every call
/// is answered exactly once: with its result, or a `SandboxPoolError`.
public final class SandboxPool: Sendable {
    /// The name of the snapshot that a pool is made from.
    public static let defaultSnapshot = "default"

    private let engine: PoolEngine
    private let executor: PoolTaskExecutor

    /// A pool of one snapshot, known as `defaultSnapshot`. Its sandboxes are made in the background.
    /// - Parameter snapshot: the state that each call begins in.
    /// - Parameter configuration: how many threads, sandboxes and waiting calls there may be, and for how long.
    /// - Parameter hostFunctions: at least those that the snapshot requires.
    /// - Throws: `SandboxPoolError`: `invalidConfiguration`, `threadUnavailable`; `sandbox(.hostFunctionRequired)`.
    public convenience init(
        _ snapshot: Snapshot, configuration: SandboxPoolConfiguration = .init(), hostFunctions: HostFunctions = .init()
    ) throws(SandboxPoolError) {
        try self.init(configuration: configuration, hostFunctions: hostFunctions)
        try add(snapshot, as: SandboxPool.defaultSnapshot)
    }

    /// A pool without a snapshot yet: see `add`.
    /// - Throws: `SandboxPoolError`: `invalidConfiguration`, `threadUnavailable`.
    public init(
        configuration: SandboxPoolConfiguration = .init(), hostFunctions: HostFunctions = .init()
    ) throws(SandboxPoolError) {
        engine = try PoolEngine(configuration, hostFunctions)
        executor = PoolTaskExecutor(engine)
    }

    deinit { engine.abandon() }

    // MARK: - Snapshots

    /// Offers the functions of a snapshot.
    /// - Throws: `SandboxPoolError`: `snapshotNameTaken`, `shutDown`; `sandbox(.hostFunctionRequired)`.
    public func add(_ snapshot: Snapshot, as name: String) throws(SandboxPoolError) {
        try engine.add(snapshot, nil, as: name)
    }

    /// Offers the functions of a snapshot that is loaded when it is first called, dropped again, least recently used
    /// first, under the memory limit, and loaded again when it is next called.
    /// - Parameter name: what calls name the snapshot by.
    /// - Parameter loading: runs on a thread of the pool's, one at a time for each name. A load that fails is the error
    ///   of the calls that waited for it (`snapshotUnloadable`); the next call tries again.
    /// - Throws: `SandboxPoolError`: `snapshotNameTaken`, `shutDown`.
    public func add(
        _ name: String, loading: @escaping @Sendable () throws -> Snapshot
    ) throws(SandboxPoolError) {
        try engine.add(nil, loading, as: name)
    }

    /// Offers a snapshot no more: calls that wait for it end with `unknownSnapshot`, those that run go on. Nothing
    /// happens if there is none of that name.
    public func remove(_ name: String) { engine.remove(name) }

    /// The names of all snapshots, sorted.
    public var snapshotNames: [String] { engine.state.withLock { $0.lanes.keys.sorted().map(\.text) } }

    /// What the guest of a snapshot exports. Loads it, which takes a turn in the queue, if it was never called.
    /// - Throws: as `call` does.
    nonisolated(nonsending) public func exports(
        of snapshot: String = defaultSnapshot
    ) async throws(SandboxPoolError) -> [GuestExport] {
        if let known = engine.state.withLock({ $0.lanes[ByteName(snapshot)]?.snapshot }) { return known.exports }
        let call = TypedPoolCall(function: nil, deadline: limit(nil)) { sandbox, _ in sandbox.exports }
        return try await engine.perform(call, in: snapshot)
    }

    // MARK: - Calls

    /// Calls a guest function.
    ///
    /// - Parameters:
    ///   - function: the name of one of the snapshot's exports.
    ///   - arguments: as many as the function has, of its types.
    ///   - snapshot: the name of the snapshot that has the function.
    ///   - deadline: for waiting and running together, to some milliseconds; nil is the configuration's
    ///     `callTimeLimit`. One that has passed runs nothing. A host function that does not return in time is not
    ///     waited for, here and when the task is cancelled: it goes on with its thread and its sandbox, and what comes
    ///     of it is dropped.
    /// - Throws: `SandboxPoolError`: `unknownSnapshot`, `snapshotUnloadable`, `memoryLimitReached`; `overloaded`,
    ///   `deadlineExceededInQueue`, `shutDown`; `cancelled` when the task is; and `sandbox` with what the call ended
    ///   in.
    nonisolated(nonsending) public func call<Result: GuestValue, each Argument: GuestValue>(
        _ function: String, _ arguments: repeat each Argument, snapshot: String = defaultSnapshot,
        deadline: ContinuousClock.Instant? = nil
    ) async throws(SandboxPoolError) -> Result {
        let call = TypedPoolCall(function: function, deadline: limit(deadline)) { sandbox, call in
            try sandbox.call(function, repeat each arguments, deadline: call.deadline) as Result
        }
        return try await engine.perform(call, in: snapshot)
    }

    /// Calls a guest function without result.
    nonisolated(nonsending) public func call<each Argument: GuestValue>(
        _ function: String, _ arguments: repeat each Argument, snapshot: String = defaultSnapshot,
        deadline: ContinuousClock.Instant? = nil
    ) async throws(SandboxPoolError) {
        let call = TypedPoolCall(function: function, deadline: limit(deadline)) { sandbox, call in
            try sandbox.call(function, repeat each arguments, deadline: call.deadline)
        }
        return try await engine.perform(call, in: snapshot)
    }

    /// Calls a guest function by handle, of `Snapshot.function`: what spares a busy caller the look-up of its name.
    /// - Throws: as by name; `sandbox(.foreignFunction)` if the handle is of another guest, or of this one before it
    ///   was loaded again.
    nonisolated(nonsending) public func call<Result: GuestValue, each Argument: GuestValue>(
        _ function: GuestFunction<Result, repeat each Argument>, _ arguments: repeat each Argument,
        snapshot: String = defaultSnapshot, deadline: ContinuousClock.Instant? = nil
    ) async throws(SandboxPoolError) -> Result {
        let call = TypedPoolCall(function: function.export.name, deadline: limit(deadline)) { sandbox, call in
            try sandbox.call(function, repeat each arguments, deadline: call.deadline)
        }
        return try await engine.perform(call, in: snapshot)
    }

    /// Calls a guest function without result by handle.
    nonisolated(nonsending) public func call<each Argument: GuestValue>(
        _ function: GuestFunction<Void, repeat each Argument>, _ arguments: repeat each Argument,
        snapshot: String = defaultSnapshot, deadline: ContinuousClock.Instant? = nil
    ) async throws(SandboxPoolError) {
        let call = TypedPoolCall(function: function.export.name, deadline: limit(deadline)) { sandbox, call in
            try sandbox.call(function, repeat each arguments, deadline: call.deadline)
        }
        return try await engine.perform(call, in: snapshot)
    }

    /// Calls a guest function with values whose types are only known at run time.
    nonisolated(nonsending) public func call(
        _ function: String, arguments: [AnyGuestValue], snapshot: String = defaultSnapshot,
        deadline: ContinuousClock.Instant? = nil
    ) async throws(SandboxPoolError) -> AnyGuestValue {
        let call = TypedPoolCall(function: function, deadline: limit(deadline)) { sandbox, call in
            try sandbox.call(function, arguments: arguments, deadline: call.deadline)
        }
        return try await engine.perform(call, in: snapshot)
    }

    /// Lends a sandbox for several calls, with one rollback at the end.
    ///
    /// - Parameter snapshot: the name of the snapshot whose state the sandbox is in.
    /// - Parameter deadline: for waiting and running together; nil is the configuration's `callTimeLimit`.
    /// - Parameter body: runs on one of the pool's threads, which it occupies until it returns. It is not waited for
    ///   after the deadline, or when the task is cancelled: it may go on then, without calls, and what it returns is
    ///   dropped.
    /// - Throws: as `call` does; a `SandboxError` that `body` throws as `sandbox`, any other error as `body`.
    nonisolated(nonsending) public func withSandbox<Value: Sendable>(
        snapshot: String = defaultSnapshot, deadline: ContinuousClock.Instant? = nil,
        _ body: @escaping @Sendable (borrowing LentSandbox) throws -> Value
    ) async throws(SandboxPoolError) -> Value {
        let call = TypedPoolCall(function: nil, deadline: limit(deadline)) { sandbox, call in
            try body(LentSandbox(sandbox, to: call))
        }
        return try await engine.perform(call, in: snapshot)
    }

    private func limit(_ deadline: ContinuousClock.Instant?) -> ContinuousClock.Instant? {
        deadline ?? engine.configuration.callTimeLimit.map { .now + $0 }
    }

    // MARK: - The pool itself

    /// Runs tasks on the pool's own threads, between two calls:
    ///
    ///     Task(executorPreference: pool.taskExecutor) { try await pool.call("greet", "World") as String }
    ///
    /// A call then costs no switch between threads, which is most of what a pool adds to a short call. What such tasks
    /// do between their calls takes the threads' time from guests: right for tasks that do little but call, wrong for
    /// tasks that compute or block. A piece of a task that finds no thread for 5 ms, all of them being in guests, runs
    /// on Swift's threads instead. From the beginning of a shutdown on, Swift's own threads run them.
    public var taskExecutor: any TaskExecutor { executor }

    public var statistics: SandboxPoolStatistics { engine.state.withLock { $0.current } }

    /// Whether the pool takes calls: false from the beginning of a shutdown on.
    public var isOpen: Bool { engine.state.withLock { $0.phase == .open } }

    /// Takes no more calls, and waits until those that wait and run have ended; from `deadline` on, it refuses those
    /// that wait and stops the guests (both: `shutDown`). nil waits for ever.
    ///
    /// When it returns, the pool's threads, sandboxes and descriptors are gone. A host function, a loading closure or a
    /// closure of `withSandbox` that does not return cannot be stopped: it is waited for, though its caller is
    /// answered. Can be called again, also meanwhile, with an earlier deadline.
    ///
    /// A pool that nobody holds any more, never shut down, answers the calls it has, then ends by itself.
    public func shutdown(deadline: ContinuousClock.Instant? = nil) async {
        await engine.shutDown(until: PoolCall.nanoseconds(deadline))
    }
}
