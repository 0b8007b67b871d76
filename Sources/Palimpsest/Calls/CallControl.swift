import CPalimpsest
import Glibc
import MicroVM
import Synchronization

/// Starts and stops calls: the only part of a sandbox that other threads touch, with its `ResidentProcessor`.
///
/// One atomic word holds a generation (which call) and a phase:
///
///     idle -> starting -> running -> idle                      a call that ends by itself
///             running -> interrupted | expired     someone stopped it: `immediate_exit` is set, the thread kicked
///
/// A stop names the generation it saw, so a late one cannot hit the next call. The stopper holds `lock` from its
/// exchange to its kick, and the end of a stopped call takes it too: when `end` returns, no stopper will touch
/// `immediate_exit` for that call any more. A stop is never lost: `immediate_exit` stays set until `end`, so
/// `KVM_RUN` comes back whether the kick lands before, in or after it (KVM API, section 5, "immediate_exit").
package final class CallControl: Sendable {
    package enum Phase: UInt64 { case idle, starting, running, interrupted, expired }

    private let word = Atomic<UInt64>(0)
    /// Nanoseconds of the monotonic clock; `UInt64.max` is none.
    private let deadline = Atomic<UInt64>(.max)
    private let thread = Atomic<UInt>(0)
    private let resident: ResidentProcessor?
    /// The last change of the word that the watchdog has seen, and when. Only the watchdog's.
    private nonisolated(unsafe) var lastChange: (word: UInt64, nanoseconds: UInt64) = (0, 0)
    private let lock = Mutex(())
    private let signal: CInt
    /// Valid while a call runs, and only used then. Another one after the sandbox got another machine.
    private nonisolated(unsafe) var vcpu: UnsafeMutablePointer<kvm_run>

    /// - Parameter resident: runs the vCPU for resident calls; nil if there are none.
    /// - Throws: `MachineError` if no signal is free to stop vCPUs with.
    init(vcpu: UnsafeMutablePointer<kvm_run>, resident: ResidentProcessor?) throws(MachineError) {
        let signal = pal_kick_signal()
        guard signal > 0 else { throw MachineError("claiming a real-time signal", .init(rawValue: -signal)) }
        self.signal = signal
        self.vcpu = vcpu
        self.resident = resident
    }

    /// The sandbox has another machine now. To be called between `reserve` and `end`; a call that has been stopped
    /// already stays stopped.
    func attach(_ vcpu: UnsafeMutablePointer<kvm_run>) {
        lock.withLock { _ in
            self.vcpu = vcpu
            if stopReason != nil { pal_run_set_immediate_exit(vcpu, true) }
        }
    }

    private static func phase(_ word: UInt64) -> Phase { Phase(rawValue: word & 7) ?? .idle }
    private static func moved(_ word: UInt64, to phase: Phase) -> UInt64 { word & ~7 | phase.rawValue }

    /// Makes what was reserved a call: from here on it can be stopped.
    /// - Parameter processor: runs the vCPU; nil if this thread does.
    package func start(deadline nanoseconds: UInt64, on processor: ResidentProcessor?) {
        // Before the phase moves on, so that no stopper sees a running call with another's thread or deadline.
        if let processor {
            thread.store(UInt(processor.thread), ordering: .relaxed)
        } else {
            pal_thread_accept_kicks(signal)
            thread.store(UInt(pthread_self()), ordering: .relaxed)
        }
        deadline.store(nanoseconds, ordering: .relaxed)
        let reserved = word.load(ordering: .relaxed)
        word.store(CallControl.moved(reserved, to: .running), ordering: .sequentiallyConsistent)
        if nanoseconds != .max { Watchdog.shared.wakeIfParked() }
    }

    /// Claims the sandbox for something that cannot be stopped, or not yet; false if it is claimed already.
    package func reserve() -> Bool {
        let current = word.load(ordering: .acquiring)
        guard CallControl.phase(current) == .idle else { return false }
        let claimed = CallControl.moved(current &+ 8, to: .starting)
        return word.compareExchange(expected: current, desired: claimed, ordering: .acquiring).exchanged
    }

    /// How the running call was stopped; nil if nobody has.
    package var stopReason: Phase? {
        let phase = CallControl.phase(word.load(ordering: .acquiring))
        return phase == .interrupted || phase == .expired ? phase : nil
    }

    /// Ends what was reserved; once for every `reserve` that returned true.
    package func end() {
        let current = word.load(ordering: .relaxed)
        let last = word.exchange(CallControl.moved(current, to: .idle), ordering: .acquiringAndReleasing)
        if CallControl.phase(last) == .interrupted || CallControl.phase(last) == .expired {
            lock.withLock { _ in pal_run_set_immediate_exit(vcpu, false) }
        }
    }

    /// Stops the call that is running now; false, and nothing done, if there is none.
    package func interrupt() -> Bool {
        stop(word.load(ordering: .sequentiallyConsistent), as: .interrupted)
    }

    /// The watchdog's look: stops a call whose deadline has passed, parks a vCPU that has waited for a call too long.
    /// True if there is something to look at again.
    package func check(now: UInt64) -> Bool { checkDeadline(now: now) || checkIdle(now: now) }

    /// True while a call with a deadline runs.
    private func checkDeadline(now: UInt64) -> Bool {
        let seen = word.load(ordering: .sequentiallyConsistent)
        guard CallControl.phase(seen) == .running else { return false }
        let due = deadline.load(ordering: .relaxed)
        guard due != .max else { return false }
        // If `due` is already the next call's, the generation has moved on and the exchange fails.
        if due <= now { _ = stop(seen, as: .expired) }
        return true
    }

    /// True while a resident vCPU is in the guest.
    private func checkIdle(now: UInt64) -> Bool {
        guard let resident, resident.isRunning else { return false }
        let seen = word.load(ordering: .relaxed)
        if CallControl.phase(seen) != .idle || seen != lastChange.word {
            lastChange = (seen, now)
        } else if now &- lastChange.nanoseconds >= resident.parkNanoseconds {
            // Should a call begin this very moment, it finds a vCPU that was stopped for nothing, and resumes it.
            forceExit()
        }
        return true
    }

    /// Gets a resident vCPU out of the guest, whatever the guest is doing.
    package func forceExit() { lock.withLock { _ in kick() } }

    /// Lets the vCPU into the guest again, unless the running call has been stopped.
    package func allowEntry() {
        lock.withLock { _ in
            if stopReason == nil { pal_run_set_immediate_exit(vcpu, false) }
        }
    }

    private func stop(_ seen: UInt64, as phase: Phase) -> Bool {
        guard CallControl.phase(seen) == .running else { return false }
        return lock.withLock { _ in
            let stopped = word.compareExchange(
                expected: seen, desired: CallControl.moved(seen, to: phase), ordering: .sequentiallyConsistent)
            guard stopped.exchanged else { return false }
            kick()
            return true
        }
    }

    private func kick() {
        pal_run_set_immediate_exit(vcpu, true)
        pthread_kill(pthread_t(thread.load(ordering: .relaxed)), signal)
    }
}
