import CPalimpsest
import GuestABI
import MicroVM

/// Entering the guest and answering its exits.
extension Sandbox {
    /// Where a guest is entered for, and with that, by which exit it comes back.
    enum Purpose {
        case call
        case initialization

        fileprivate func isReached(by exit: GuestExit) -> Bool {
            switch self {
            case .call: if case .returned = exit { true } else { false }
            case .initialization: if case .ready = exit { true } else { false }
            }
        }
    }

    /// Enters the trusted entry code and stays until the guest says that it has done what it was entered for.
    /// - Returns: what the guest says became of the call.
    /// - Throws: `fault`, `deadlineExceeded`, `interrupted` (status `poisoned`), `unrecoverable`.
    @discardableResult
    func enter(at entry: GuestVirtualAddress, for purpose: Purpose = .call) throws(SandboxError) -> pal_reply {
        pendingHostError.forget()
        startingPoint = entry
        machine.vcpu.load(instruction: entry.rawValue, stack: GuestLayout.stackTop.rawValue)
        try debugger?.begin()
        while true {
            counters.vcpuRuns &+= 1
            let exit = if let observer { runObserved(by: observer) } else { machine.vcpu.run() }
            if purpose.isReached(by: exit) { break }
            if let debugger { try debugger.answer(exit) } else { try answer(exit) }
        }
        return pal_call_reply(machine.mailbox)
    }

    /// Does what an exit asks for; returns if the guest is to be resumed.
    package func answer(_ exit: GuestExit) throws(SandboxError) {
        if let observer { return try handle(exit, observedBy: observer) }
        try handle(exit)
    }

    /// The one place where exits are answered: a debugger, a trace and telemetry only wrap it.
    package func handle(_ exit: GuestExit) throws(SandboxError) {
        switch exit {
        case .pageFault: try resolvePageFault()
        case .exception(let vector): try end(with: .exception(vector: vector), vector: vector)
        case .hostCall:
            startingPoint = nil
            try answerHostCall()
        case .log:
            startingPoint = nil
            try writeLog()
        case .abort: throw abort()
        case .returned: throw poison(.protocolViolation(reason: "port \(hex(UInt64(PAL_PORT_RETURN))) out of turn"))
        case .ready: throw poison(.protocolViolation(reason: "port \(hex(UInt64(PAL_PORT_READY))) out of turn"))
        case .forbiddenPort(let port): throw poison(.illegalPort(port))
        case .interrupted: try checkStopped()
        case .lost(let loss): throw giveUp(loss)
        }
    }

    /// A signal that was not ours, or a kick that came late, changes nothing: the guest is resumed.
    private func checkStopped() throws(SandboxError) {
        guard let reason = control.stopReason else { return }
        poison()
        throw reason == .expired ? .deadlineExceeded : .interrupted
    }

    private func resolvePageFault() throws(SandboxError) {
        counters.pageFaults &+= 1
        let address = GuestVirtualAddress(rawValue: machine.vcpu.faultAddress)
        let frame = machine.exceptionFrame
        guard frame.codeSegment & 3 == 3 else { throw giveUp("page fault in ring 0 at \(address)") }
        switch machine.memory.resolve(address, PageFaultCode(rawValue: frame.errorCode)) {
        case .resolved: return
        case .exhausted: throw fault(.scratchExhausted, vector: GuestExit.pageFaultVector)
        case .unreadable(let path):
            poison()
            throw .mappedFileUnreadable(path: path, reason: "it is shorter than when it was mapped")
        case .denied:
            let isStack = isStackGuard(address, stack: frame.stack)
            let vector = GuestExit.pageFaultVector
            try end(with: isStack ? .stackOverflow : .exception(vector: vector), vector: vector)
        }
    }

    /// Below the stack's last page, in the guard pages: the stack has run over.
    private func isStackGuard(_ address: GuestVirtualAddress, stack: UInt64) -> Bool {
        machine.memory.mapping(at: address)?.region.label == .guardPages && address < GuestLayout.stackTop
    }

    // MARK: - Endings

    /// Ends the call with a fault of the processor's; returns if the call begins again instead.
    ///
    /// An exception in the entry code, before the guest's own code had a turn, is the machine's: something is in it
    /// that the entry code does not put back. No sandbox gets that machine any more, and the call is made in another
    /// one.
    private func end(with kind: GuestFault.Kind, vector: UInt8) throws(SandboxError) {
        if machine.hasFailedToEnter {
            if let startingPoint, debugger == nil { return try startOver(at: startingPoint) }
            machine.isBroken = true
        }
        throw fault(kind, vector: vector)
    }

    private func startOver(at entry: GuestVirtualAddress) throws(SandboxError) {
        markUnrecoverable(keepsMachine: true)
        resident?.leave()
        // Whoever wants to stop the call looks at the old machine's vCPU until it has been told of the new one's.
        let old = machine.shell
        do throws(MachineError) { try machine.moveToNewShell() } catch { throw .machine(error) }
        control.attach(machine.vcpu.state)
        withExtendedLifetime(old) {}
        markReady()
        startingPoint = nil
        counters.machinesReplaced &+= 1
        machine.vcpu.load(instruction: entry.rawValue, stack: GuestLayout.stackTop.rawValue)
        resident?.load(machine.vcpu)
    }

    /// Ends the call with a fault of the processor's.
    private func fault(_ kind: GuestFault.Kind, vector: UInt8) -> SandboxError {
        poison()
        let frame = machine.exceptionFrame
        var registers = GuestRegisters(machine.vcpu.registers)
        registers.rip = frame.instruction
        registers.rsp = frame.stack
        registers.rflags = frame.flags
        return fault(
            kind, vector: vector, errorCode: GuestFault.hasErrorCode(vector) ? frame.errorCode : nil,
            address: vector == GuestExit.pageFaultVector ? machine.vcpu.faultAddress : nil, registers)
    }

    /// Ends the call with a fault the engine found.
    package func poison(_ kind: GuestFault.Kind) -> SandboxError {
        poison()
        return fault(kind, GuestRegisters(machine.vcpu.registers))
    }

    private func giveUp(_ loss: MachineLoss) -> SandboxError {
        markUnrecoverable()
        // KVM found no memory behind a page: of all the host maps for a guest, only a file can lose some.
        if loss == .failed(.badAddress), let path = machine.memory.image.shortenedFile {
            return .mappedFileUnreadable(path: path, reason: "it is shorter than when it was mapped")
        }
        return .unrecoverable(reason: loss.description)
    }

    private func giveUp(_ reason: String) -> SandboxError {
        markUnrecoverable()
        return .unrecoverable(reason: reason)
    }

    private func abort() -> SandboxError {
        let text = machine.mailbox.pointee.message.text
        return poison(
            .abort(message: message(text) ?? "(unreadable message)"))
    }
}
