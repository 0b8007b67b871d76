import CPalimpsest

/// The keeper thread, and the end of a pool.
extension PoolEngine {
    /// - Throws: `SandboxPoolError.threadUnavailable`; those started so far are running.
    func startThreads() throws(SandboxPoolError) {
        let keeper = try PoolThread(name: "pool-keeper") { [self] in keep() }
        life.withLock { $0.keeper = keeper }
        for index in 0..<configuration.threadCount {
            state.withLock { $0.workerCount += 1 }
            do throws(SandboxPoolError) {
                let thread = try PoolThread(name: "pool-\(index)") { [self] in work(PoolWorker(index: index)) }
                life.withLock { $0.workers.append(thread) }
            } catch {
                state.withLock { $0.workerCount -= 1 }
                throw error
            }
        }
    }

    private func keep() {
        while true {
            let duty = state.withLock { $0.duty(now: pal_monotonic_nanoseconds()) }
            for worker in duty.wakes { worker.wake() }
            for job in duty.jobs { job.runElsewhere() }
            for call in duty.answers { call.answer() }
            for call in duty.expired { refuse(call, .deadlineExceededInQueue) }
            for call in duty.shutDown { refuse(call, .shutDown) }
            for late in duty.late { refuse(late.call, late.error, of: late.snapshot) }
            if duty.isLast { return finish() }
            keeperSpot.sleep(until: duty.nextTime)
        }
    }

    /// The workers have left, and closed every sandbox.
    private func finish() {
        for thread in life.withLock({ $0.workers }) { thread.join() }
        let lanes = state.withLock { state in
            defer { state.close() }
            return Array(state.lanes.values)
        }
        for lane in lanes { lane.metrics?.destroy() }
        metrics?.record(state.withLock { $0.current })
        configuration.logger.notice("Pool is shut down.", metadata: ["pool": "\(configuration.name)"])
        let first = life.withLock { life in
            life.workers = []
            life.isOver = true
            return life.waiters.isEmpty ? nil : life.waiters.removeFirst()
        }
        first?.resume()
    }

    /// Drains until a time, in nanoseconds of the monotonic clock, and waits for the end.
    func shutDown(until time: UInt64) async {
        drain(until: time)
        await withUnsafeContinuation { continuation in
            let isWaiting = life.withLock { life in
                // Whoever comes first after the end goes on at once, and joins the keeper for all.
                if life.isOver, life.isJoined || life.keeper != nil { return false }
                life.waiters.append(continuation)
                return true
            }
            if !isWaiting { continuation.resume() }
        }
        joinKeeper()
    }

    private func joinKeeper() {
        let keeper = life.withLock { life in
            defer { life.keeper = nil }
            return life.keeper
        }
        keeper?.join()
        let waiters = life.withLock { life in
            if keeper != nil { life.isJoined = true }
            guard life.isJoined else { return [] as [UnsafeContinuation<Void, Never>] }
            defer { life.waiters = [] }
            return life.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func drain(until time: UInt64) {
        let (wasOpen, workers) = state.withLock { state in (state.phase == .open, state.drain(until: time)) }
        if wasOpen {
            configuration.logger.notice("Pool is draining.", metadata: ["pool": "\(configuration.name)"])
        }
        for worker in workers { worker.wake() }
        keeperSpot.wake()
    }

    /// Nobody holds the pool any more: it answers what it has, and its threads end by themselves.
    func abandon() {
        let keeper = life.withLock { life in
            defer { life.keeper = nil }
            if life.keeper != nil { life.isJoined = true }
            return life.keeper
        }
        guard let keeper else { return }
        keeper.detach()
        drain(until: .max)
    }
}
