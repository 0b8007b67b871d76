import CPalimpsest

/// Entering the guest and answering its exits.
extension Sandbox {
    /// Enters the trusted entry code and stays until the guest writes to `port`: by default, until the call is over.
    /// - Returns: what the guest says became of the call.
    /// - Throws: `fault`, `deadlineExceeded`, `interrupted` (status `poisoned`), `unrecoverable`.
    @discardableResult
    func enter(
        at entry: GuestVirtualAddress, until port: Int32 = PAL_PORT_RETURN
    ) throws(SandboxError) -> pal_reply {
        pendingHostError.forget()
        startingPoint = entry
        machine.vcpu.load(instruction: entry.rawValue, stack: GuestLayout.stackTop.rawValue)
        try debugger?.begin()
        while true {
            counters.vcpuRuns &+= 1
            let exit = if let observer { runObserved(by: observer) } else { machine.vcpu.run() }
            if case .guestPort(UInt16(port)) = exit { break }
            if let debugger { try debugger.answer(exit) } else { try answer(exit) }
        }
        return pal_call_reply(machine.mailbox)
    }

    /// Does what an exit asks for; returns if the guest is to be resumed.
    func answer(_ exit: VirtualCPUExit) throws(SandboxError) {
        if let observer { return try handle(exit, observedBy: observer) }
        try handle(exit)
    }

    func handle(_ exit: VirtualCPUExit) throws(SandboxError) {
        switch exit {
        case .exception(vector: 14): try resolvePageFault()
        case .exception(let vector): try end(with: .exception(vector: vector), vector: vector)
        case .guestPort(UInt16(PAL_PORT_HOST_CALL)):
            startingPoint = nil
            try answerHostCall()
        case .guestPort(UInt16(PAL_PORT_LOG)):
            startingPoint = nil
            try writeLog()
        case .guestPort(UInt16(PAL_PORT_ABORT)): throw abort()
        case .guestPort(let port): throw poison(.protocolViolation(reason: "port \(hex(UInt64(port))) out of turn"))
        case .forbiddenPort(let port): throw poison(.illegalPort(port))
        case .interrupted: try checkStopped()
        case .memoryMappedIO(let address): throw giveUp("access to guest-physical \(hex(address))")
        case .shutdown: throw giveUp("the vCPU shut down (triple fault)")
        case .entryFailed(let reason): throw giveUp("the processor refused the guest's state (reason \(hex(reason)))")
        case .internalError(let suberror): throw giveUp("KVM internal error, suberror \(suberror)")
        case .unexpected(let reason): throw giveUp("unexpected KVM exit reason \(reason)")
        case .failed(.badAddress): throw lostMemory()
        case .failed(let errno): throw giveUp("KVM_RUN: \(errno)")
        }
    }

    /// A signal that was not ours, or a kick that came late, changes nothing: the guest is resumed.
    private func checkStopped() throws(SandboxError) {
        guard let reason = control.stopReason else { return }
        status = .poisoned
        throw reason == .expired ? .deadlineExceeded : .interrupted
    }

    private func resolvePageFault() throws(SandboxError) {
        counters.pageFaults &+= 1
        let address = GuestVirtualAddress(rawValue: machine.vcpu.faultAddress)
        let frame = machine.exceptionFrame
        guard frame.codeSegment & 3 == 3 else { throw giveUp("page fault in ring 0 at \(address)") }
        switch machine.memory.resolve(address, errorCode: frame.errorCode) {
        case .resolved: return
        case .exhausted: throw fault(.scratchExhausted, vector: 14)
        case .unreadable(let path):
            status = .poisoned
            throw .mappedFileUnreadable(path: path, reason: "it is shorter than when it was mapped")
        case .denied:
            let isStack = isStackGuard(address, stack: frame.stack)
            try end(with: isStack ? .stackOverflow : .exception(vector: 14), vector: 14)
        }
    }

    /// Below the stack's last page, in the guard pages: the stack has run over.
    private func isStackGuard(_ address: GuestVirtualAddress, stack: UInt64) -> Bool {
        machine.memory.mapping(at: address)?.region.label == .guardPages && address < GuestLayout.stackTop
    }

    // MARK: - Endings

    /// Ends the call with a fault of the processor's; returns if the call begins again instead.
    ///
    /// An exception in the entry code, before the guest's own code had a turn, is the machine's: something is in it that
    /// the entry code does not put back. No sandbox gets that machine any more, and the call is made in another one.
    private func end(with kind: GuestFault.Kind, vector: UInt8) throws(SandboxError) {
        if machine.hasFailedToEnter {
            if let startingPoint, debugger == nil { return try startOver(at: startingPoint) }
            machine.isBroken = true
        }
        throw fault(kind, vector: vector)
    }

    private func startOver(at entry: GuestVirtualAddress) throws(SandboxError) {
        status = .unrecoverable
        resident?.leave()
        // Whoever wants to stop the call looks at the old machine's vCPU until it has been told of the new one's.
        let old = machine.shell
        try machine.moveToNewShell()
        control.attach(machine.vcpu.state)
        withExtendedLifetime(old) {}
        status = .ready
        startingPoint = nil
        counters.machinesReplaced &+= 1
        machine.vcpu.load(instruction: entry.rawValue, stack: GuestLayout.stackTop.rawValue)
        resident?.load(machine.vcpu)
    }

    /// Ends the call with a fault of the processor's.
    private func fault(_ kind: GuestFault.Kind, vector: UInt8) -> SandboxError {
        status = .poisoned
        let frame = machine.exceptionFrame
        var registers = GuestRegisters(machine.vcpu.registers)
        registers.rip = frame.instruction
        registers.rsp = frame.stack
        registers.rflags = frame.flags
        return fault(
            kind, vector: vector, errorCode: GuestFault.hasErrorCode(vector) ? frame.errorCode : nil,
            address: vector == 14 ? machine.vcpu.faultAddress : nil, registers)
    }

    /// Ends the call with a fault the engine found.
    func poison(_ kind: GuestFault.Kind) -> SandboxError {
        status = .poisoned
        return fault(kind, GuestRegisters(machine.vcpu.registers))
    }

    /// KVM found no memory behind a page: of all the host maps for a guest, only a file can lose some.
    private func lostMemory() -> SandboxError {
        status = .unrecoverable
        machine.isBroken = true
        guard let path = machine.memory.image.shortenedFile else {
            return .unrecoverable(reason: "KVM_RUN: guest memory is gone")
        }
        return .mappedFileUnreadable(path: path, reason: "it is shorter than when it was mapped")
    }

    private func giveUp(_ reason: String) -> SandboxError {
        status = .unrecoverable
        machine.isBroken = true
        return .unrecoverable(reason: reason)
    }

    private func abort() -> SandboxError {
        let text = machine.mailbox.pointee.message.text
        return poison(
            .abort(message: message(text) ?? "(unreadable message)"))
    }
}
