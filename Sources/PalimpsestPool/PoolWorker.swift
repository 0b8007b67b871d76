import Synchronization

/// One of the threads that calls run on, as the others see it.
final class PoolWorker: Sendable {
    let index: Int
    /// Its last work was a job. Guarded by the pool's lock.
    nonisolated(unsafe) var hasRunJob = false
    /// It rolls a sandbox back and comes for work soon. Guarded by the pool's lock.
    nonisolated(unsafe) var isReturning = false
    private let spot = ParkingSpot()
    private let looking = Atomic<Bool>(false)

    init(index: Int) { self.index = index }

    /// Parked, but not asleep yet: waking it costs no system call.
    var isLooking: Bool { looking.load(ordering: .relaxed) }

    func wake() { spot.wake() }

    /// Looks for so long whether it is woken. True if it was; otherwise it has to `sleep`.
    func look(nanoseconds: UInt64) -> Bool {
        looking.store(true, ordering: .relaxed)
        defer { looking.store(false, ordering: .relaxed) }
        return spot.spin(nanoseconds: nanoseconds)
    }

    func sleep() { spot.sleep() }
}
