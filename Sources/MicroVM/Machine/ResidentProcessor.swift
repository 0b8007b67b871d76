import CPalimpsest
import Glibc

/// A vCPU's thread, for resident calls: it stays in `KVM_RUN` while the guest waits for calls and serves them.
///
///     stopped  -- resume -->  running  -- an exit -->  stopped
///
/// Running, the vCPU is the thread's: a caller only rings (a store into the constants page) and watches for the reply
/// (a word in the mailbox). Stopped, it is the owner's, who answers the exit, on the caller's thread, as for any other
/// call. One owner at a time: only `isRunning` and `thread` are for others.
package final class ResidentProcessor: @unchecked Sendable {
    package private(set) var thread = pthread_t()
    private let limits: ResidencyLimits
    private let handoff: UnsafeMutablePointer<pal_handoff>
    private let kickSignal: CInt
    // The thread's while running, the owner's while stopped.
    private var vcpu: VirtualCPU?
    package private(set) var lastExit = GuestExit.interrupted

    /// Whether the vCPU is in the resident code, or on its way there. If not, its registers are to be loaded.
    package private(set) var isInside = false
    /// The number of the last call.
    private var sequence: UInt64 = 0
    /// When registers were last loaded: the number of calls, and the time if anyone cares.
    private var entry: (sequence: UInt64, nanoseconds: UInt64) = (0, 0)

    /// - Throws: `MachineError` if there is no signal or no thread to be had.
    package init(_ limits: ResidencyLimits) throws(MachineError) {
        self.limits = limits
        kickSignal = pal_kick_signal()
        guard kickSignal > 0 else { throw MachineError("claiming a real-time signal", .init(rawValue: -kickSignal)) }
        handoff = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<pal_handoff>.size, alignment: 64
        ).bindMemory(to: pal_handoff.self, capacity: 1)
        handoff.initialize(to: pal_handoff())
        var thread = pthread_t()
        let failure = pal_start_thread(
            { context in
                guard let context else { return nil }
                Unmanaged<ResidentProcessor>.fromOpaque(context).takeUnretainedValue().serve()
                return nil
            }, Unmanaged.passUnretained(self).toOpaque(), &thread)
        guard failure == 0 else {
            throw MachineError("starting a vCPU's thread", .init(rawValue: failure))
        }
        self.thread = thread
    }

    // Also after an `init` that found no thread.
    deinit { handoff.deallocate() }

    /// Ends the thread, and lets go of the vCPU, which must be stopped: once, by the owner, as its last act. Not left
    /// to `deinit`: the thread keeps this object, and so does whoever may want to stop a call.
    package func end() {
        pal_handoff_pass(handoff, PAL_VCPU_GONE)
        pthread_join(thread, nil)
        vcpu = nil
    }

    /// The thread's life.
    private func serve() {
        pal_thread_accept_kicks(kickSignal)
        pal_handoff_begin(handoff)
        while pal_handoff_await(handoff, PAL_VCPU_STOPPED) == PAL_VCPU_RUNNING {
            if let vcpu { lastExit = vcpu.run() }
            pal_handoff_note_core(handoff)
            pal_handoff_pass(handoff, PAL_VCPU_STOPPED)
        }
    }

    /// After how long without a call the vCPU is to leave the guest.
    package var parkNanoseconds: UInt64 { limits.parkNanoseconds }
    package var isRunning: Bool { pal_handoff_state(handoff) == PAL_VCPU_RUNNING }

    // MARK: - For the owner

    /// Whether the guest waits for a call, as far as the host can see: it has not left its entry code by an exit.
    package var isWaiting: Bool {
        guard isInside else { return false }
        return isRunning || isStoppedInEntryCode
    }

    /// Whether the last exit was one of the resident code's own, or came from outside.
    package var isStoppedInEntryCode: Bool {
        switch lastExit {
        case .returned, .interrupted: break
        case .hostCall, .ready, .log, .abort, .pageFault, .exception, .forbiddenPort, .lost: return false
        }
        guard let instruction = vcpu?.registers.rip else { return false }
        return GuestVirtualAddress(rawValue: instruction).page == GuestLayout.entry
    }

    /// Whether the next restore is to be a full one.
    package var isFullRestoreDue: Bool {
        if let count = limits.callsPerFullRestore, sequence - entry.sequence >= count { return true }
        guard let interval = limits.fullRestoreNanoseconds else { return false }
        return pal_monotonic_nanoseconds() - entry.nanoseconds >= interval
    }

    /// Takes the number of the next call.
    package func nextSequence() -> UInt64 {
        sequence &+= 1
        return sequence
    }

    /// Notes that `vcpu`'s registers have been loaded: the next `resume` enters the resident code at its beginning.
    package func load(_ vcpu: VirtualCPU) {
        self.vcpu = vcpu
        lastExit = .interrupted
        isInside = true
        // The number of the call that is about to begin has been taken.
        entry = (sequence - 1, limits.fullRestoreNanoseconds == nil ? 0 : pal_monotonic_nanoseconds())
    }

    /// Whoever has the registers next, it is not the resident code.
    package func leave() { isInside = false }

    /// Lets go of a vCPU that is not the machine's any more. Not before no stopper can reach it.
    package func forget() { vcpu = nil }

    package func resume() {
        pal_handoff_keep_apart(handoff)
        pal_handoff_pass(handoff, PAL_VCPU_RUNNING)
    }

    package func awaitStop() { _ = pal_handoff_await(handoff, PAL_VCPU_RUNNING) }

    /// Waits for the reply to call `sequence`; false if the vCPU stopped for something else.
    package func awaitReply(
        _ sequence: UInt64, _ mailbox: UnsafeMutablePointer<pal_mailbox>,
        _ constants: UnsafeMutablePointer<pal_constants>
    ) -> Bool {
        pal_resident_await(mailbox, constants, handoff, sequence)
    }
}
