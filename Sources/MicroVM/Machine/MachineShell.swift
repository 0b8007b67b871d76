import CPalimpsest

/// A virtual machine with one vCPU, and what is in its slots. What is worth keeping of a sandbox that goes away:
/// making a machine costs half a millisecond, and every slot filled or emptied some 70 us.
///
///     slot 0    trusted layer      always there
///     slot 1    scratch            zero-filled between two sandboxes
///     slot 2..  layers, files      stay until a sandbox needs others, or nobody needs them at all
///
/// Not thread-safe, though it moves between threads: one owner at a time.
package final class MachineShell: @unchecked Sendable {
    package let machine: VirtualMachine
    package let vcpu: VirtualCPU
    private let trusted: SharedMemorySegment
    /// What is in the slots from `firstLayerSlot` on. Keeps the memory alive: KVM does not.
    private var layers: [(segment: SharedMemorySegment, place: GuestPhysicalAddress)?] = []
    private var scratch: ScratchMemory?
    private var isScratchClean = true

    package convenience init() throws(MachineError) { try self.init(entryFeatures: EntryFeatures.shared()) }

    package init(entryFeatures: UInt64) throws(MachineError) {
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
        vcpu.entryFeatures = entryFeatures
    }

    /// Fills the slots for an image.
    /// - Returns: the scratch memory in slot 1, zero-filled, with no translation of older contents left anywhere.
    /// - Throws: `MachineError`; the shell is of no use then.
    func prepare(_ image: MemoryImage) throws(MachineError) -> ScratchMemory {
        try clean(keeping: ScratchMemory.keptPageCount)
        try unplugLayers { segment in !image.layers.contains { $0.segment === segment } }
        for layer in image.layers where !layers.contains(where: { $0?.segment === layer.segment }) { try plug(layer) }
        isScratchClean = false
        if let scratch, scratch.layout == image.layout { return scratch }
        return try plugScratch(image.layout)
    }

    /// Empties the slots of layers and files that `isUnwanted`.
    func unplugLayers(_ isUnwanted: (SharedMemorySegment) -> Bool) throws(MachineError) {
        for index in layers.indices {
            guard let layer = layers[index], isUnwanted(layer.segment) else { continue }
            try machine.unplug(slot: GuestLayout.firstLayerSlot + UInt32(index))
            layers[index] = nil
        }
    }

    private func plugScratch(_ layout: ScratchLayout) throws(MachineError) -> ScratchMemory {
        let new = try ScratchMemory(layout)
        if scratch != nil { try machine.unplug(slot: GuestLayout.scratchSlot) }
        scratch = nil
        try plug(scratch: new)
        return new
    }

    private func plug(scratch new: ScratchMemory) throws(MachineError) {
        try machine.plug(
            new.segment, at: GuestLayout.scratchPhysical, slot: GuestLayout.scratchSlot, writable: true)
        scratch = new
    }

    /// Fills the slots of a new shell with memory that another one had until now, contents, page tables and all.
    package func adopt(_ memory: ScratchMemory, _ layers: [MemoryLayer]) throws(MachineError) {
        for layer in layers { try plug(layer) }
        try plug(scratch: memory)
        isScratchClean = false
    }

    /// Puts a layer or a file into a free slot.
    package func plug(_ layer: MemoryLayer) throws(MachineError) {
        let index = layers.firstIndex { $0 == nil } ?? layers.endIndex
        try machine.plug(
            layer.segment, at: layer.place, slot: GuestLayout.firstLayerSlot + UInt32(index), writable: false)
        let filled = (layer.segment, layer.place)
        if index == layers.endIndex { layers.append(filled) } else { layers[index] = filled }
    }

    /// Wipes scratch. Its slot is emptied meanwhile and filled again: that makes KVM forget every translation that
    /// its page tables gave rise to.
    /// - Parameter pageCount: how many of its pages stay allocated, zero-filled.
    func clean(keeping pageCount: Int) throws(MachineError) {
        guard let scratch, !isScratchClean else { return }
        try machine.unplug(slot: GuestLayout.scratchSlot)
        try scratch.clear(keeping: pageCount)
        try plug(scratch: scratch)
        isScratchClean = true
    }

    /// Makes KVM forget every translation that scratch's page tables gave rise to.
    package func forgetTranslations() throws(MachineError) {
        guard let scratch else { return }
        try machine.unplug(slot: GuestLayout.scratchSlot)
        try plug(scratch: scratch)
    }

    /// How many of an image's layers are in place.
    func matchCount(_ image: MemoryImage) -> Int {
        image.layers.count { layer in layers.contains { $0?.segment === layer.segment } }
    }

    package func contains(_ segment: SharedMemorySegment) -> Bool { layers.contains { $0?.segment === segment } }
}

extension VirtualMachine {
    /// Makes a segment the memory of a slot. The caller keeps the segment until the slot is empty again.
    package func plug(
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
