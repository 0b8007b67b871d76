import CPalimpsest
import GuestABI
import Logging
import Metrics
import Palimpsest
import Synchronization
import Tracing

/// What is behind a `SandboxPool`: the state, and the threads that work on it. Lives as long as they do, the pool
/// itself gone or not.
///
///     tasks ------ call, cancel, shutdown ------> PoolState <------ next, give back ------ workers (PoolEngine+Work)
///                                                     ^------------ what is due ---------- keeper (PoolEngine+Keeper)
final class PoolEngine: Sendable {
    let configuration: SandboxPoolConfiguration
    let hostFunctions: HostFunctions
    /// nil if there is nobody to tell.
    let metrics: PoolMetrics?
    let state: Mutex<PoolState>
    let life = Mutex(PoolLife())
    let keeperSpot = ParkingSpot()
    let logBudget = Mutex(LogBudget())
    /// Of all guests together.
    private let guestLogBudget: GuestLogBudget?
    /// Threads that look for work without sleeping.
    let lookingCount = Atomic<Int>(0)

    /// - Throws: `SandboxPoolError`: `invalidConfiguration`, `threadUnavailable`.
    init(_ configuration: SandboxPoolConfiguration, _ hostFunctions: HostFunctions) throws(SandboxPoolError) {
        try configuration.validate()
        self.configuration = configuration
        self.hostFunctions = hostFunctions
        guestLogBudget = configuration.logLimit.map {
            GuestLogBudget(validated: $0, within: configuration.sandbox.logBudget)
        }
        metrics = PoolMetrics(pool: configuration.name, factory: MetricsSystem.factory)
        state = Mutex(PoolState(configuration))
        do throws(SandboxPoolError) {
            try startThreads()
        } catch {
            abandon()
            throw error
        }
    }

    // MARK: - Calls

    /// Has a call done, and waits for what becomes of it.
    nonisolated(nonsending) func perform<Value: Sendable>(
        _ call: TypedPoolCall<Value>, in snapshot: String
    ) async throws(SandboxPoolError) -> Value {
        call.span = startSpan(call, snapshot)
        await wait(for: call, in: snapshot)
        if let span = call.span { end(span, call.failure) }
        return try call.take()
    }

    nonisolated(nonsending) private func wait(for call: PoolCall, in snapshot: String) async {
        await withTaskCancellationHandler {
            if admit(call, to: snapshot) { call.look(nanoseconds: 2 * SnapshotLane.shortDuration) }
            await call.wait()
        } onCancel: {
            cancel(call)
        }
    }

    /// Below the caller's. Its name is the caller's to choose, a guest has no part in it.
    private func startSpan(_ call: PoolCall, _ snapshot: String) -> (any Span)? {
        guard let span = configuration.sandbox.telemetry?.span(SpanName.poolCall) else { return nil }
        span.attributes[SpanAttribute.pool] = configuration.name
        span.attributes[SpanAttribute.snapshot] = snapshot
        span.attributes[SpanAttribute.function] = call.function ?? "(closure)"
        return span
    }

    private func end(_ span: any Span, _ failure: SandboxPoolError?) { span.end(failure, name: failure?.name) }

    /// - Returns: whether its answer is to be expected before long.
    private func admit(_ call: PoolCall, to snapshot: String) -> Bool {
        let bringer = bringer
        let arrival = state.withLock { $0.enqueue(call, for: snapshot, from: bringer) }
        arrival.wakes?.wake()
        if arrival.wakesKeeper { keeperSpot.wake() }
        if let pushedOut = arrival.pushedOut { refuse(pushedOut, overloaded) }
        if let refusal = arrival.refusal { refuse(call, refusal) }
        return arrival.isImminent
    }

    /// Takes a job; false if the threads are about to leave.
    func take(_ job: PoolJob) -> Bool {
        // What a job brings about has to begin while the job goes on; what an answer does can wait for its thread.
        let bringer = pal_thread_runs_task() ? .stranger : bringer
        let arrival = state.withLock { $0.enqueue(job, from: bringer) }
        arrival.wakes?.wake()
        if arrival.wakesKeeper { keeperSpot.wake() }
        return arrival.isTaken
    }

    /// A task that calls is about to be suspended: its thread is free.
    private var bringer: PoolState.Bringer { pal_thread_pool() == identity ? .worker : .stranger }

    /// What threads of this pool are marked with.
    var identity: UnsafeRawPointer { UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque()) }

    private var overloaded: SandboxPoolError {
        .overloaded(waiting: state.withLock { $0.waitingCount }, limit: configuration.queueLimit)
    }

    private func cancel(_ call: PoolCall) {
        let now = pal_monotonic_nanoseconds()
        let (isRefused, wakesKeeper) = state.withLock { $0.cancel(call, now: now) }
        if wakesKeeper { keeperSpot.wake() }
        if isRefused { refuse(call, .cancelled(whileRunning: false)) }
    }

    /// Answers a call that has ended without running, or that runs on.
    /// - Parameter snapshot: says whether there is a function of that name; nil if it is not known.
    func refuse(_ call: PoolCall, _ error: SandboxPoolError, of snapshot: Snapshot? = nil) {
        call.refuse(error)
        guard let lane = call.lane else { return }
        if case .overloaded = error { lane.metrics?.overloads.increment() }
        lane.metrics?.function(call.function, of: snapshot).refused(error)
    }

    // MARK: - Snapshots

    func add(
        _ snapshot: Snapshot?, _ load: (@Sendable () throws -> Snapshot)?, as name: String
    ) throws(SandboxPoolError) {
        if let snapshot { try check(snapshot) }
        let lane = SnapshotLane(
            name, snapshot: snapshot, load: load, metrics: metrics?.lane(name),
            configuration: configuration.sandbox(of: name, within: guestLogBudget))
        let worker = try state.withLock { state throws(SandboxPoolError) in
            try state.add(lane)
            return state.takeParked()
        }
        worker?.wake()
    }

    func check(_ snapshot: Snapshot) throws(SandboxPoolError) {
        do throws(SandboxError) {
            try hostFunctions.check(snapshot.requiredHostFunctions)
        } catch {
            throw .sandbox(error)
        }
    }

    func remove(_ name: String) {
        let (lane, calls, worker) = state.withLock { state in
            (state.lanes[ByteName(name)], state.removeLane(name), state.takeParked())
        }
        worker?.wake()
        for call in calls { refuse(call, .unknownSnapshot(name: name, available: names)) }
        lane?.metrics?.destroy()
    }

    private var names: [String] { state.withLock { $0.names } }

    // MARK: - Log

    /// Something that guests, or a machine at its limits, can bring about at any rate.
    func warn(_ message: @autoclosure () -> Logger.Message, snapshot: String) {
        guard let suppressed = logBudget.withLock({ $0.take(now: pal_monotonic_nanoseconds()) }) else { return }
        var metadata: Logger.Metadata = ["pool": "\(configuration.name)", "snapshot": "\(snapshot)"]
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        configuration.logger.warning(message(), metadata: metadata)
    }

    func debug(_ message: @autoclosure () -> Logger.Message, snapshot: String) {
        configuration.logger.debug(
            message(), metadata: ["pool": "\(configuration.name)", "snapshot": "\(snapshot)"])
    }
}
