import CPalimpsest
import Glibc

/// Where one thread waits to be woken: a semaphore, looked at for a while before it is slept on.
final class ParkingSpot: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    /// Makes one wait return: the one that is going on, or the next. No system call while the thread still looks.
    func wake() { sem_post(semaphore) }

    func sleep() {
        while sem_wait(semaphore) != 0 {}
    }

    /// Looks for so long, without sleeping. True if it was woken.
    func spin(nanoseconds: UInt64) -> Bool {
        let end = pal_monotonic_nanoseconds() &+ nanoseconds
        repeat {
            for _ in 0..<ParkingSpot.looksPerClock {
                if sem_trywait(semaphore) == 0 { return true }
                pal_pause()
            }
            // Whoever is to wake it may be waiting for this very processor.
            sched_yield()
        } while pal_monotonic_nanoseconds() < end
        return false
    }

    /// How often the semaphore is looked at between two looks at the clock: about a microsecond's worth.
    static let looksPerClock = 32

    /// Until it is woken or until a time, in nanoseconds of the monotonic clock.
    func sleep(until time: UInt64) {
        if time == .max { sleep() } else { _ = pal_semaphore_wait_until(semaphore, time) }
    }
}
