import CPalimpsest
import MicroVM
import Palimpsest

/// What the pool's threads do all day.
extension PoolEngine {
    /// How long a thread without work looks for more before it sleeps: 50 us, in nanoseconds. Waking a sleeping thread
    /// takes several microseconds on either side; a caller with one call after the other comes back sooner than that.
    static let lookingTime: UInt64 = 50_000

    /// A worker's life.
    func work(_ worker: PoolWorker) {
        pal_thread_set_pool(identity, false)
        while true {
            let now = pal_monotonic_nanoseconds()
            switch state.withLock({ $0.next(for: worker, now: now) }) {
            case .run(let call, let sandbox): run(call, in: sandbox, worker, since: now)
            case .load(let lane): load(lane)
            case .make(let lane, let snapshot): make(lane, snapshot, worker)
            case .close(let sandbox): noteEviction(of: sandbox)
            case .job(let job): run(job)
            case .answer(let answers): answer(answers)
            case .refuse(let calls, let error): for call in calls { refuse(call, error) }
            case .park(let wakesKeeper):
                if wakesKeeper { keeperSpot.wake() }
                park(worker)
            case .leave: return
            }
        }
    }

    /// One thread may look for work at a time, so that a pool without any costs half of two processors at most.
    private func park(_ worker: PoolWorker) {
        let isAlone = lookingCount.add(1, ordering: .relaxed).oldValue == 0
        let isWoken = isAlone && worker.look(nanoseconds: PoolEngine.lookingTime)
        lookingCount.subtract(1, ordering: .relaxed)
        if !isWoken { worker.sleep() }
    }

    private func run(_ job: PoolJob) {
        pal_thread_set_pool(identity, true)
        job.run()
        pal_thread_set_pool(identity, false)
    }

    // MARK: - Calls

    private func run(_ call: PoolCall, in sandbox: PooledSandbox, _ worker: PoolWorker, since start: UInt64) {
        let error = call.asPart { call.run(in: sandbox.sandbox) }
        // Before the answer: the caller's thread may take this one's processor as soon as it is woken.
        let end = pal_monotonic_nanoseconds()
        let ending = state.withLock { $0.end(call, error, worker: worker, now: end) }
        answer(call, ending)
        // The caller has its result: from here on, nobody waits but calls in the queue.
        sandbox.lane.metrics?.function(call.function, of: sandbox.snapshot)
            .ran(error, isLate: ending.isLate, nanoseconds: end - start)
        call.asPart {
            bringBack(sandbox, worker, since: pal_monotonic_nanoseconds(), callDuration: end - start)
        }
    }

    private func answer(_ call: PoolCall, _ ending: PoolState.Ending) {
        switch ending {
        case .refusal(let error): call.refuse(error)
        case .late: break
        case .outcome(.own): call.answer()
        case .outcome(let answers): answer(answers)
        }
    }

    private func answer(_ answers: PoolState.Answers) {
        switch answers {
        case .own, .held(wakesKeeper: false): break
        case .held(wakesKeeper: true): keeperSpot.wake()
        case .several(let calls): for call in calls { call.answer() }
        case .carrier:
            Task.detached { [self] in
                for call in state.withLock({ $0.takeCarried() }) { call.answer() }
                state.withLock { $0.carried() }
            }
        }
    }

    private func bringBack(
        _ sandbox: PooledSandbox, _ worker: PoolWorker, since start: UInt64, callDuration: UInt64
    ) {
        let isBroken = sandbox.sandbox.status == .unrecoverable
        var report: RollbackReport?
        if configuration.rollback == .everyCall || sandbox.sandbox.status != .ready {
            do throws(SandboxError) {
                report = try sandbox.sandbox.restore(sandbox.snapshot)
            } catch {
                // Thrown away; another one is made when no call needs this thread.
                state.withLock { $0.replace(sandbox) }
                return noteReplacement(of: sandbox, "it cannot be rolled back: \(error)")
            }
        }
        if report?.newPages ?? 0 > 0 || report?.strategy == .replace { sandbox.measure() }
        let now = pal_monotonic_nanoseconds()
        let current = state.withLock { state -> SandboxPoolStatistics? in
            state.rolledBack(report, replacingMachine: isBroken)
            sandbox.lane.note(call: callDuration, rollback: now - start)
            state.giveBack(sandbox, worker: worker, now: now)
            return metrics == nil ? nil : state.current
        }
        if let current { metrics?.record(current) }
        if let report { sandbox.lane.metrics?.rolledBack(report, nanoseconds: now - start) }
        if isBroken { noteReplacement(of: sandbox, "its virtual machine was in no known state") }
    }

    private func noteReplacement(of sandbox: PooledSandbox, _ reason: String) {
        sandbox.lane.metrics?.replacements.increment()
        warn("Sandbox replaced: \(reason).", snapshot: sandbox.lane.name)
    }

    private func noteEviction(of sandbox: PooledSandbox) {
        sandbox.lane.metrics?.evictions.increment()
        debug("Sandbox evicted.", snapshot: sandbox.lane.name)
    }

    // MARK: - Sandboxes

    private func load(_ lane: SnapshotLane) {
        do {
            guard let load = lane.load else { return }
            let snapshot = try load()
            try check(snapshot)
            let worker = state.withLock { state in
                state.loaded(lane, snapshot)
                return state.takeParked()
            }
            worker?.wake()
            debug("Snapshot loaded.", snapshot: lane.name)
        } catch {
            let calls = state.withLock { $0.loadFailed(lane) }
            let reason = error as? SandboxPoolError ?? .snapshotUnloadable(name: lane.name, error: error)
            for call in calls { refuse(call, reason) }
            warn("Snapshot cannot be loaded: \(error)", snapshot: lane.name)
        }
    }

    private func make(_ lane: SnapshotLane, _ snapshot: Snapshot, _ worker: PoolWorker) {
        do throws(SandboxError) {
            let sandbox = try Sandbox(
                from: snapshot, configuration: lane.configuration, hostFunctions: hostFunctions)
            let pooled = PooledSandbox(sandbox, of: lane, snapshot, worker: worker.index)
            let now = pal_monotonic_nanoseconds()
            let (call, next) = state.withLock { state in
                (state.made(pooled, worker: worker, now: now), state.waitingCount > 0 ? state.takeParked() : nil)
            }
            next?.wake()
            if let call { run(call, in: pooled, worker, since: now) }
            debug("Sandbox made.", snapshot: lane.name)
        } catch {
            let calls = state.withLock { $0.makingFailed(lane, error, now: pal_monotonic_nanoseconds()) }
            for call in calls { refuse(call, .sandbox(error)) }
            warn("No sandbox to be had: \(error)", snapshot: lane.name)
        }
    }
}
