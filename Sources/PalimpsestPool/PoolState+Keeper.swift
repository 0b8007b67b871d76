/// What is due at a time rather than when something happens: the keeper thread's work.
extension PoolState {
    /// How often a stop that has missed its guest is repeated, and the end of a shutdown looked for: 1 ms, in
    /// nanoseconds.
    static let tick: UInt64 = 1_000_000

    /// What the keeper is to do now, and when it has to look again.
    struct Duty {
        var expired: [PoolCall] = []
        var late: [LateCall] = []
        var shutDown: [PoolCall] = []
        var jobs: [PoolJob] = []
        var answers: [PoolCall] = []
        var wakes: [PoolWorker] = []
        /// Nanoseconds of the monotonic clock.
        var nextTime = UInt64.max
        /// All other threads have left, and it was the last duty.
        var isLast = false
    }

    mutating func duty(now: UInt64) -> Duty {
        var duty = Duty()
        while let call = deadlines.first, call.dueTime <= now { seeTo(call, &duty) }
        while let job = takeOverdueJob(now: now) { duty.jobs.append(job) }
        duty.answers = takeOverdueAnswers(now: now)
        if phase == .draining, now >= cutOffTime { duty.shutDown = cutOff(now: now) }
        stopping.removeAll { $0.phase == .ended || $0.interrupt() }
        duty.wakes = takeParkedIfDrained()
        if upkeepTime <= now, let worker = takeParked() { duty.wakes.append(worker) }
        duty.isLast = phase != .open && workerCount == 0 && carryingCount == 0
        duty.nextTime = min(deadlines.earliest, max(upkeepTime, now + PoolState.tick))
        if phase != .open || !stopping.isEmpty { duty.nextTime = min(duty.nextTime, now + PoolState.tick) }
        // As long as jobs come at all: one after the other shall not have to wake the keeper.
        if hadJobs || jobs.count > 0 {
            duty.nextTime = min(duty.nextTime, (jobs.first?.time ?? now) + PoolState.jobPatience)
        }
        hadJobs = false
        if hadAnswers {
            duty.nextTime = min(duty.nextTime, (answers.isEmpty ? now : answersTime) + PoolState.answerPatience)
        }
        hadAnswers = !answers.isEmpty
        keeperTime = duty.nextTime
        return duty
    }

    /// The first that a shutdown does, and every time its deadline is brought forward.
    /// - Returns: whom to wake beside the keeper.
    mutating func drain(until time: UInt64) -> [PoolWorker] {
        if phase == .open { phase = .draining }
        cutOffTime = min(cutOffTime, time)
        return takeParkedIfDrained()
    }

    /// A shutdown is over: nothing waits any more, and what runs is stopped.
    private mutating func cutOff(now: UInt64) -> [PoolCall] {
        phase = .cut
        var call = running.first
        while let each = call {
            if each.stop == nil { _ = stop(each, .shutDown, now: now) }
            call = each.links.next
        }
        return lanes.values.flatMap { removeAll(from: $0) }
    }

    /// All threads have left: lets go of everything.
    mutating func close() {
        phase = .closed
        for name in lanes.keys { _ = removeLane(name.text) }
        home = nil
    }
}
