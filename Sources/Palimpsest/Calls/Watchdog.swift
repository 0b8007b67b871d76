import CPalimpsest
import Glibc
import MicroVM
import Synchronization

/// One thread that ends calls at their deadlines, and takes vCPUs out of guests that have waited for a call too long.
///
/// It looks at every sandbox once a `tick` while calls with deadlines or resident vCPUs run, so that a call with a
/// deadline costs its caller no system call: it only has to write the deadline down. After `idleTicks` without any it
/// parks, and the next one wakes it.
final class Watchdog: Sendable {
    static let shared = Watchdog()

    /// How late a call may be stopped: 1 ms, in nanoseconds.
    static let tick: UInt64 = 1_000_000
    private static let idleTicks = 100

    private let controls = Mutex<[ObjectIdentifier: CallControl]>([:])
    private let isParked = Atomic<Bool>(false)
    private let isStarted = Atomic<Bool>(false)
    private nonisolated(unsafe) let wakeUp: UnsafeMutablePointer<sem_t>

    private init() {
        wakeUp = .allocate(capacity: 1)
        sem_init(wakeUp, 0, 0)
    }

    /// - Throws: `MachineError` if the thread cannot be started.
    func add(_ control: CallControl) throws(MachineError) {
        if !isStarted.exchange(true, ordering: .sequentiallyConsistent) {
            var thread = pthread_t()
            let failure = pal_start_thread({ _ in Watchdog.shared.watch() }, nil, &thread)
            guard failure == 0 else {
                isStarted.store(false, ordering: .sequentiallyConsistent)
                throw MachineError("starting the watchdog thread", .init(rawValue: failure))
            }
            pthread_detach(thread)
        }
        controls.withLock { $0[ObjectIdentifier(control)] = control }
    }

    func remove(_ control: CallControl) {
        controls.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(control)) }
    }

    func wakeIfParked() {
        if isParked.exchange(false, ordering: .sequentiallyConsistent) { sem_post(wakeUp) }
    }

    private func watch() -> Never {
        var idle = 0
        while true {
            idle = checkAll() ? 0 : idle + 1
            if idle >= Watchdog.idleTicks {
                idle = 0
                park()
            } else {
                var pause = timespec(tv_sec: 0, tv_nsec: Int(Watchdog.tick))
                nanosleep(&pause, nil)
            }
        }
    }

    /// Says that it is about to sleep, then looks once more: a call either sees the flag or is seen here.
    private func park() {
        isParked.store(true, ordering: .sequentiallyConsistent)
        if checkAll(), isParked.exchange(false, ordering: .sequentiallyConsistent) { return }
        while sem_wait(wakeUp) != 0 {}
    }

    /// True if there is something to look at again.
    private func checkAll() -> Bool {
        let now = pal_monotonic_nanoseconds()
        return controls.withLock { controls in
            var isWatching = false
            for control in controls.values where control.check(now: now) { isWatching = true }
            return isWatching
        }
    }
}
