import CPalimpsest

/// A virtual machine with one vCPU and nothing in it but the trusted layer: what is worth keeping of a sandbox that
/// goes away, since making one costs half a millisecond.
///
///     slot 0    trusted layer      always there
///     slot 1    scratch            put in by the sandbox that has the shell, taken out when it goes
///     slot 2..  layers, files
///
/// Not thread-safe, though it moves between threads: one owner at a time.
final class MachineShell: @unchecked Sendable {
    let machine: VirtualMachine
    let vcpu: VirtualCPU
    private let trusted: SharedMemorySegment

    init() throws(MachineError) {
        trusted = try TrustedLayer.shared()
        machine = try VirtualMachine(kvm: KVM.shared())
        try machine.plug(trusted, at: GuestLayout.trustedPhysical, slot: GuestLayout.trustedSlot, writable: false)
        vcpu = try machine.makeVirtualCPU()
        let tables = TrustedLayer.tables
        try vcpu.configure(
            ProcessorState(
                pageTableRoot: 0,
                descriptorTable: (tables.address, DescriptorTables.globalLimit),
                interruptTable: (tables.interruptAddress, DescriptorTables.interruptLimit),
                taskState: (tables.taskAddress, DescriptorTables.taskLimit)))
    }
}

extension VirtualMachine {
    /// Makes a segment the memory of a slot. The caller keeps the segment until the slot is empty again.
    func plug(
        _ segment: SharedMemorySegment, at place: GuestPhysicalAddress, slot: UInt32, writable: Bool
    ) throws(MachineError) {
        let base = UInt64(UInt(bitPattern: segment.memory.baseAddress.unsafelyUnwrapped))
        try setMemorySlot(
            slot,
            kvm_userspace_memory_region(
                slot: 0, flags: writable ? 0 : UInt32(KVM_MEM_READONLY), guest_phys_addr: place.rawValue,
                memory_size: UInt64(segment.byteCount), userspace_addr: base))
    }

    /// Empties a slot. KVM forgets every translation into it (KVM API 4.35).
    func unplug(slot: UInt32) throws(MachineError) {
        try setMemorySlot(slot, kvm_userspace_memory_region())
    }
}
