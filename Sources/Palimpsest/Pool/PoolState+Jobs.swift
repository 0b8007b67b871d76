/// Tasks that run on the pool's threads, job by job.
extension PoolState {
    /// What the thread that brings something is doing.
    enum Bringer {
        /// It is none of the pool's.
        case stranger
        /// It is, and has done with what it did: it takes the next thing itself.
        case worker
    }

    /// - Returns: false if the pool takes no jobs any more; otherwise whom to wake, if anyone.
    mutating func enqueue(_ job: PoolJob, from bringer: Bringer) -> (isTaken: Bool, wakes: PoolWorker?) {
        guard phase == .open else { return (false, nil) }
        jobs.append(job)
        return (true, workerForNews(from: bringer))
    }

    /// A thread for what has just come. None, if a thread of the pool's own has brought it and there is nothing else: it is
    /// about to look for work itself, sooner than another one could be woken.
    mutating func workerForNews(from bringer: Bringer, preferring index: Int? = nil) -> PoolWorker? {
        let mayLeaveIt = bringer == .worker && waitingCount + jobs.count == 1
        if mayLeaveIt, !parked.contains(where: \.isLooking) { return nil }
        return takeParked(preferring: index)
    }

    /// The next job, unless this thread's last work was one and calls wait.
    mutating func nextJob(for worker: PoolWorker) -> Work? {
        if worker.hasRunJob, waitingCount > 0 {
            worker.hasRunJob = false
            return nil
        }
        guard let job = jobs.popFirst() else { return nil }
        worker.hasRunJob = true
        return .job(job)
    }
}
