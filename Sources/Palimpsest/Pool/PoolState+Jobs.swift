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

    /// A thread for what has just come. None, if there are enough that are about to look for work themselves, sooner than
    /// another one could be woken: those that roll back, and the one that has brought it.
    mutating func workerForNews(from bringer: Bringer, preferring index: Int? = nil) -> PoolWorker? {
        let comingCount = max(returningCount, bringer == .worker ? 1 : 0)
        if waitingCount + jobs.count <= comingCount, !parked.contains(where: \.isLooking) { return nil }
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
