import Dispatch
import Foundation
import Synchronization

/// Runs tasks on a thread of its own, whatever Swift's threads are doing.
package final class ThreadExecutor: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])
    private let news = DispatchSemaphore(value: 0)

    package init() {
        Thread.detachNewThread { [self] in
            while true {
                news.wait()
                jobs.withLock { $0.removeFirst() }.runSynchronously(on: asUnownedTaskExecutor())
            }
        }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        news.signal()
    }
}
