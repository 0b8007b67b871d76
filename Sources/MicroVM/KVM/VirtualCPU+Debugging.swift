import CPalimpsest

/// Looking into a vCPU that has stopped. Cold: vCPU ioctls.
extension VirtualCPU {
    /// Segments and control registers as of the last exit.
    var specialRegisters: kvm_sregs { pal_run_sregs(state).pointee }

    /// Whether the last exit was an exception stub's: the guest's own RIP, RSP, RFLAGS, CS and SS are then what the
    /// processor pushed for it.
    var isInSupervisor: Bool { pal_run_sregs(state).pointee.ss.dpl == 0 }

    /// Has the next entry start from these general registers.
    func setRegisters(_ registers: kvm_regs) {
        pal_run_regs(state).pointee = registers
        pal_run_change(state, false)
    }

    /// Has the next entry start from these segment bases.
    package func setBases(fs: UInt64, gs: UInt64) {
        pal_run_sregs(state).pointee.fs.base = fs
        pal_run_sregs(state).pointee.gs.base = gs
        pal_run_change(state, true)
    }

    /// x87, SSE and AVX state, as KVM_GET_XSAVE gives it (KVM API 4.42).
    package func extendedState() throws(MachineError) -> [UInt8] {
        var area = kvm_xsave()
        try KVM.control(descriptor, "KVM_GET_XSAVE", PAL_KVM_GET_XSAVE, with: &area)
        return withUnsafeBytes(of: &area) { [UInt8]($0) }
    }

    /// - Parameter bytes: as many as `extendedState` gives.
    package func setExtendedState(_ bytes: [UInt8]) throws(MachineError) {
        var area = kvm_xsave()
        withUnsafeMutableBytes(of: &area) { $0.copyBytes(from: bytes.prefix($0.count)) }
        try KVM.control(descriptor, "KVM_SET_XSAVE", PAL_KVM_SET_XSAVE, with: &area)
    }
}
