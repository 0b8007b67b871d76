/// Runs tasks on a pool's threads, between two calls.
///
/// Behind `SandboxPool.taskExecutor`. A job is a piece of a task from one suspension to the next. Threads take jobs and calls
/// in turn, so neither keeps the other from running. Once the pool is shutting down, jobs go to Swift's own threads.
final class PoolTaskExecutor: TaskExecutor {
    private let engine: PoolEngine

    init(_ engine: PoolEngine) { self.engine = engine }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard engine.take(PoolJob(job: job, executor: self)) else { return globalConcurrentExecutor.enqueue(job) }
    }
}

/// A piece of a task, and on whose behalf it runs.
struct PoolJob: @unchecked Sendable {
    let job: UnownedJob
    let executor: PoolTaskExecutor

    func run() { job.runSynchronously(on: executor.asUnownedTaskExecutor()) }
}
