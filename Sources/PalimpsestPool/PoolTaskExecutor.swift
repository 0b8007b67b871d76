import CPalimpsest

/// Runs tasks on a pool's threads, between two calls.
///
/// Behind `SandboxPool.taskExecutor`. A job is a piece of a task from one suspension to the next. Threads take jobs and
/// calls in turn, so neither keeps the other from running. A job that finds no thread within some milliseconds goes to
/// Swift's own threads: it may be the one that cancels what keeps the threads busy. So do all jobs once the pool is
/// shutting down.
final class PoolTaskExecutor: TaskExecutor {
    private let engine: PoolEngine

    init(_ engine: PoolEngine) { self.engine = engine }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let pooled = PoolJob(job: job, executor: self, time: pal_monotonic_nanoseconds())
        if !engine.take(pooled) { pooled.runElsewhere() }
    }
}

/// A piece of a task, and on whose behalf it runs.
struct PoolJob: @unchecked Sendable {
    let job: UnownedJob
    let executor: PoolTaskExecutor
    /// When it came, in nanoseconds of the monotonic clock.
    let time: UInt64

    func run() { job.runSynchronously(on: executor.asUnownedTaskExecutor()) }

    func runElsewhere() { globalConcurrentExecutor.enqueue(job) }
}
