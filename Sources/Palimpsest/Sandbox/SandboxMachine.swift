import CPalimpsest
import SystemPackage

/// A virtual machine with a guest's memory in it: slots, page tables, one vCPU. Everything a call needs and nothing
/// that knows what a call is.
///
///     slot 0  trusted layer   read-only
///     slot 1  scratch         writable
///     slot 2  image layer     read-only
final class SandboxMachine {
    let vcpu: VirtualCPU
    let memory: AddressSpace
    private let machine: VirtualMachine
    private let layer: ImageLayer
    private let trusted: SharedMemorySegment

    init(_ image: ELFImage, _ configuration: SandboxConfiguration) throws(SandboxError) {
        do {
            layer = try ImageLayer(image)
            trusted = try TrustedLayer.shared()
            let scratch = try ScratchMemory(
                .init(
                    mailbox: configuration.mailboxByteCount, stack: configuration.stackByteCount,
                    zeroData: layer.zeroByteCount, heap: configuration.heapByteCount,
                    pool: configuration.scratchByteCount))
            memory = try AddressSpace(scratch: scratch)
            try SandboxMachine.lay(out: memory, layer, trusted, configuration)
            machine = try VirtualMachine(kvm: KVM.shared())
            try SandboxMachine.plug(machine, memory.scratch, layer, trusted)
            vcpu = try machine.makeVirtualCPU()
            let tables = TrustedLayer.tables
            try vcpu.configure(
                ProcessorState(
                    pageTableRoot: memory.root.rawValue,
                    descriptorTable: (tables.address, DescriptorTables.globalLimit),
                    interruptTable: (tables.interruptAddress, DescriptorTables.interruptLimit),
                    taskState: (tables.taskAddress, DescriptorTables.taskLimit)))
        } catch let error as MachineError {
            throw .machine(error)
        } catch is ScratchExhausted {
            throw .invalidConfiguration(
                name: "scratchByteCount", value: configuration.scratchByteCount,
                expected: "enough for the page tables of an image of this size")
        } catch {
            throw .unrecoverable(reason: "\(error)")
        }
        try writeConstants(configuration)
    }

    private static func plug(
        _ machine: VirtualMachine, _ scratch: ScratchMemory, _ layer: ImageLayer, _ trusted: SharedMemorySegment
    ) throws {
        let slots: [(UInt32, GuestPhysicalAddress, SharedMemorySegment, MemoryAccess, MemoryRegionLabel)] = [
            (GuestLayout.trustedSlot, GuestLayout.trustedPhysical, trusted, .read, .supervisor),
            (GuestLayout.scratchSlot, GuestLayout.scratchPhysical, scratch.segment, [.read, .write], .scratch),
            (GuestLayout.firstLayerSlot, GuestLayout.layersPhysical, layer.segment, .read, .snapshot),
        ]
        for (slot, address, segment, access, label) in slots {
            let region = try MemoryRegion(
                guest: address..<address + segment.byteCount, host: segment.memory, access: access, label: label)
            if let memorySlot = region.memorySlot { try machine.setMemorySlot(slot, memorySlot) }
        }
    }

    /// Builds the guest's virtual address space.
    private static func lay(
        out memory: AddressSpace, _ layer: ImageLayer, _ trusted: SharedMemorySegment,
        _ configuration: SandboxConfiguration
    ) throws {
        try layImage(memory, layer)
        let trustedPage = { (page: Int) in GuestLayout.trustedPhysical + page * pageByteCount }
        let scratch = memory.scratch

        var low = MemoryRegionBuilder(start: GuestLayout.entry, limit: GuestLayout.mailbox)
        try memory.add(
            low.push(byteCount: pageByteCount, access: [.read, .execute], label: .entry),
            .layer(
                trustedPage(GuestLayout.trustedEntryPage),
                host: UnsafeRawPointer(trusted.memory.baseAddress.unsafelyUnwrapped)))
        try memory.add(
            low.push(byteCount: pageByteCount, access: .read, label: .constants), .scratch(scratch.constants))

        try addScratch(memory, GuestLayout.mailbox, configuration.mailboxByteCount, .mailbox, scratch.mailbox)
        try addScratch(memory, GuestLayout.heap, configuration.heapByteCount, .heap, scratch.heap)

        let stackStart = GuestLayout.stackTop + -configuration.stackByteCount
        var stack = MemoryRegionBuilder(start: stackStart + -stackGuardByteCount, limit: GuestLayout.heap)
        try stack.pushGuard(byteCount: stackGuardByteCount)
        let region = try stack.push(
            byteCount: configuration.stackByteCount, access: [.read, .write], label: .stack)
        try stack.pushGuard(byteCount: stackGuardByteCount)
        for region in stack.regions where region.label == .guardPages { try memory.add(region, .none) }
        try memory.add(region, .scratch(scratch.stack))

        func supervisor(_ address: GuestVirtualAddress, _ frame: GuestPhysicalAddress, _ access: MemoryAccess) throws {
            try memory.addSupervisor(address..<address + pageByteCount, to: frame, access: access)
        }
        try supervisor(GuestLayout.stubs, trustedPage(GuestLayout.trustedStubsPage), [.read, .execute])
        try supervisor(GuestLayout.descriptorTables, trustedPage(GuestLayout.trustedTablesPage), .read)
        try supervisor(GuestLayout.exceptionStack, scratch.exceptionStack, [.read, .write])
        // What every call touches is mapped from the start: no call begins with a fault.
        try memory.touch(GuestLayout.constants)
        try memory.touch(GuestLayout.mailbox)
        try memory.touch(GuestLayout.stackTop + -1)
    }

    /// 64 KiB on both sides: a frame larger than that can jump it, as on any stack without probes.
    private static let stackGuardByteCount = 64 << 10

    private static func layImage(_ memory: AddressSpace, _ layer: ImageLayer) throws {
        let host = UnsafeRawPointer(layer.segment.memory.baseAddress.unsafelyUnwrapped)
        for run in layer.runs {
            let label: MemoryRegionLabel =
                run.access.contains(.execute) ? .code : run.access.contains(.write) ? .data : .readOnlyData
            try memory.add(
                MemoryRegion(guest: run.pages, host: nil, access: run.access, label: label),
                .layer(GuestLayout.layersPhysical + run.layerOffset, host: host + run.layerOffset))
        }
        var frames = memory.scratch.zeroData
        for run in layer.zeroRuns {
            try memory.add(
                MemoryRegion(guest: run.pages, host: nil, access: run.access, label: .zeroData), .scratch(frames))
            frames = frames + (run.pages.upperBound - run.pages.lowerBound)
        }
    }

    private static func addScratch(
        _ memory: AddressSpace, _ start: GuestVirtualAddress, _ byteCount: Int, _ label: MemoryRegionLabel,
        _ frames: GuestPhysicalAddress
    ) throws {
        try memory.add(
            MemoryRegion(guest: start..<start + byteCount, host: nil, access: [.read, .write], label: label),
            .scratch(frames))
    }

    private func writeConstants(_ configuration: SandboxConfiguration) throws(SandboxError) {
        let constants = memory.scratch.host(memory.scratch.constants).assumingMemoryBound(to: pal_constants.self)
        let result = pal_initialize_constants(constants)
        guard result == 0 else { throw .machine(MachineError("getrandom", Errno(rawValue: -result))) }
        constants.pointee.generation = 1
        constants.pointee.heap_address = GuestLayout.heap.rawValue
        constants.pointee.heap_size = UInt64(configuration.heapByteCount)
        constants.pointee.stack_size = UInt64(configuration.stackByteCount)
        constants.pointee.mailbox_size = UInt64(configuration.mailboxByteCount)
    }

    /// The mailbox in the host. The guest can write all of it at any time it runs.
    var mailbox: UnsafeMutablePointer<pal_mailbox> {
        memory.scratch.host(memory.scratch.mailbox).assumingMemoryBound(to: pal_mailbox.self)
    }

    /// What the processor pushed when it last entered an exception stub. Supervisor memory: the guest cannot forge it.
    var exceptionFrame: ExceptionFrame {
        let top = memory.scratch.host(memory.scratch.exceptionStack) + pageByteCount
        return (top - MemoryLayout<ExceptionFrame>.size).loadUnaligned(as: ExceptionFrame.self)
    }

    var regions: [GuestRegion] {
        memory.mappings.map { mapping in
            GuestRegion(
                label: mapping.region.label.rawValue,
                addresses: mapping.region.guest.lowerBound.rawValue..<mapping.region.guest.upperBound.rawValue,
                access: mapping.region.access.description)
        }
    }
}

/// The stack frame of an exception in 64-bit mode (Intel SDM vol. 3, 6.14.2). Without an error code the first word
/// is older stack.
struct ExceptionFrame: BitwiseCopyable {
    var errorCode: UInt64
    var instruction: UInt64
    var codeSegment: UInt64
    var flags: UInt64
    var stack: UInt64
    var stackSegment: UInt64
}
