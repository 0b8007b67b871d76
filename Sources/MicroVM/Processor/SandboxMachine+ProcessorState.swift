import CPalimpsest

/// The guest's own registers, wherever they are.
///
/// An exception stub runs with those of the guest but for what the processor loaded to get there, which it pushed:
///
///     exit from ring 3     all in the vCPU
///     exit from a stub     RIP, RSP, RFLAGS, CS, SS in the exception frame, all others in the vCPU
extension SandboxMachine {
    /// The general registers as the guest's code had them when it was stopped.
    package var guestRegisters: GuestRegisters {
        var registers = GuestRegisters(vcpu.registers)
        if vcpu.isInSupervisor {
            let frame = exceptionFrame
            (registers.rip, registers.rsp, registers.rflags) = (frame.instruction, frame.stack, frame.flags)
        }
        return registers
    }

    /// Has the guest's code go on with these general registers.
    package func setGuestRegisters(_ registers: GuestRegisters) {
        var raw = kvm_regs(registers)
        if vcpu.isInSupervisor {
            exceptionFrame.instruction = registers.rip
            exceptionFrame.stack = registers.rsp
            exceptionFrame.flags = registers.rflags
            let stub = vcpu.registers
            (raw.rip, raw.rsp, raw.rflags) = (stub.rip, stub.rsp, stub.rflags)
        }
        vcpu.setRegisters(raw)
    }

    /// Selectors and bases as the guest's code had them.
    var guestSegments: GuestSegments {
        var segments = GuestSegments(vcpu.specialRegisters)
        if vcpu.isInSupervisor {
            let frame = exceptionFrame
            segments.cs = UInt16(truncatingIfNeeded: frame.codeSegment)
            segments.ss = UInt16(truncatingIfNeeded: frame.stackSegment)
        }
        return segments
    }

    /// All that the stopped guest's code can see of the processor.
    /// - Throws: `MachineError`: KVM did not give the extended state.
    package func processorState() throws(MachineError) -> GuestProcessorState {
        GuestProcessorState(
            registers: guestRegisters, segments: guestSegments,
            extended: GuestExtendedState(bytes: try vcpu.extendedState()))
    }
}
