/// Tasks that run on the pool's threads, job by job.
extension PoolState {
    /// What the thread that brings something is doing.
    enum Bringer {
        /// It is none of the pool's.
        case stranger
        /// It is, and has done with what it did: it takes the next thing itself.
        case worker
    }

    /// How long a job waits for a thread of the pool's, and how often the keeper looks while there are jobs: 5 ms.
    static let jobPatience: UInt64 = 5_000_000

    /// What became of a job, and what that asks of whoever brought it.
    struct JobArrival {
        /// False if the pool takes no jobs any more.
        var isTaken = false
        var wakes: PoolWorker?
        var wakesKeeper = false
    }

    mutating func enqueue(_ job: PoolJob, from bringer: Bringer) -> JobArrival {
        guard phase == .open else { return JobArrival() }
        jobs.append(job)
        hadJobs = true
        return JobArrival(
            isTaken: true, wakes: workerForNews(from: bringer),
            wakesKeeper: keeperIsLate(for: job.time + PoolState.jobPatience))
    }

    /// A job that has waited for too long: it is to run elsewhere.
    mutating func takeOverdueJob(now: UInt64) -> PoolJob? {
        guard let job = jobs.first, job.time + PoolState.jobPatience <= now else { return nil }
        return jobs.popFirst()
    }

    /// A thread for what has just come. None, if there are enough that are about to look for work themselves, sooner
    /// than another one could be woken: those that roll back, and the one that has brought it.
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
