import CPalimpsest
import MicroVM

/// Resident calls: the guest waits in its entry code, on a thread of its own, and a call is an exchange of cache lines.
///
///     caller                               guest
///     arguments  -> mailbox
///     sequence   -> constants.doorbell  -> sees it, makes the call
///                                          result, status, sequence -> mailbox.reply
///     sees the sequence                    resets its registers, waits for another one
///     rolls memory back                    (writes nothing)
///
/// Whatever needs the host (a page to copy, a host function, a fault, a stop) is an exit, which stops the vCPU and is
/// answered by the caller. A caller that has waited for as long as it is worth spinning asks for an exit, and sleeps.
extension Sandbox {
    /// Makes the call that lies in the mailbox.
    /// - Throws: as `enter` does.
    func callResident(_ resident: ResidentProcessor) throws(SandboxError) -> pal_reply {
        pendingHostError.forget()
        let (mailbox, constants) = (machine.mailbox, machine.constants)
        let sequence = resident.nextSequence()
        startingPoint = nil
        if !resident.isInside { enterResidence(resident) }
        pal_resident_ring(mailbox, constants, sequence)
        if !resident.isRunning, resident.isStoppedInEntryCode { resume(resident) }
        machine.prepareEntropy()
        rollback.prefetch()
        var start = observer == nil ? 0 : pal_monotonic_nanoseconds()
        while !resident.awaitReply(sequence, mailbox, constants) {
            counters.vcpuRuns &+= 1
            observer?.record(.guest(exit: TraceExit(resident.lastExit)), since: start)
            if case .returned = resident.lastExit {
                // The last call's caller had asked for this exit, and then seen the reply after all.
                guard resident.isStoppedInEntryCode else { return returnFromElsewhere(resident) }
            } else {
                try answer(resident.lastExit)
            }
            resume(resident)
            if observer != nil { start = pal_monotonic_nanoseconds() }
        }
        observer?.record(.guest(exit: .returned), since: start)
        return pal_resident_reply(mailbox)
    }

    private func enterResidence(_ resident: ResidentProcessor) {
        machine.constants.pointee.doorbell = 0
        machine.constants.pointee.awaited = 0
        startingPoint = GuestLayout.residentEntry
        machine.vcpu.load(instruction: GuestLayout.residentEntry.rawValue, stack: GuestLayout.stackTop.rawValue)
        resident.load(machine.vcpu)
    }

    private func resume(_ resident: ResidentProcessor) {
        control.allowEntry()
        resident.resume()
        Watchdog.shared.wakeIfParked()
    }

    /// A function may write to the return port itself. Its registers are as it left them.
    private func returnFromElsewhere(_ resident: ResidentProcessor) -> pal_reply {
        resident.leave()
        return pal_call_reply(machine.mailbox)
    }

    /// Stops the vCPU, wherever it is; the next call finds every register set by the host.
    package func endResidence() {
        guard let resident, resident.isInside else { return }
        if resident.isRunning {
            control.forceExit()
            resident.awaitStop()
        }
        control.allowEntry()
        // A guest that has gone on after its answer may have left by an exit that no call has looked at.
        if status == .ready, !resident.isStoppedInEntryCode { settle(after: resident.lastExit) }
        resident.leave()
    }

    private func settle(after exit: GuestExit) {
        if case .lost = exit { machine.isBroken = true }
        settle()
        if machine.isBroken { markUnrecoverable() }
    }
}
