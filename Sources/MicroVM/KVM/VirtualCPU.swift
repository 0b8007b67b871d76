import CPalimpsest
import Glibc
import SystemPackage

/// A vCPU in 64-bit mode, ring 3, whose registers are exchanged through the shared `kvm_run` page.
///
/// The hot path is `load` + `run`: plain stores into shared memory and one `KVM_RUN`. Every entry that follows
/// a `load` starts from the same general and special registers, whatever ran before.
package final class VirtualCPU {
    package let descriptor: FileDescriptor
    private let area: UnsafeMutableRawBufferPointer
    /// The page shared with KVM. Valid as long as the vCPU.
    package let state: UnsafeMutablePointer<kvm_run>
    private let kvm: KVM
    private let hasProtectionKeys = pal_has_protection_keys()
    /// Special registers every call starts from.
    private var initialSpecialRegisters = kvm_sregs()
    /// Instructions that the entry code may use (`PAL_ENTRY_HAS_...`): in R8 when it is entered.
    package var entryFeatures: UInt64 = 0

    init(adopting descriptor: FileDescriptor, kvm: KVM) throws(MachineError) {
        self.descriptor = descriptor
        self.kvm = kvm
        do throws(MachineError) {
            area = try VirtualCPU.mapArea(descriptor, byteCount: kvm.vcpuAreaByteCount)
        } catch {
            try? descriptor.close()
            throw error
        }
        guard let base = area.baseAddress else { throw .outOfMemory(operation: "mmap of kvm_run") }
        state = base.assumingMemoryBound(to: kvm_run.self)
        pal_run_sync_all(state)
        let list = CPUIDList(kvm.cpuid)
        try KVM.control(descriptor, "KVM_SET_CPUID2", PAL_KVM_SET_CPUID2, UInt(bitPattern: list.header))
    }

    deinit {
        SystemMemory.unmap(area)
        try? descriptor.close()
    }

    private static func mapArea(
        _ descriptor: FileDescriptor, byteCount: Int
    ) throws(MachineError) -> UnsafeMutableRawBufferPointer {
        try SystemMemory.map(descriptor, byteCount: byteCount, writable: true)
    }

    /// Sets control registers, descriptor tables and segments for good. Cold: several vCPU ioctls.
    func configure(_ processor: ProcessorState) throws(MachineError) {
        try changeInitialSpecialRegisters { processor.apply(to: &$0, kvm.cpuid) }
        var features = kvm_xcrs()
        features.nr_xcrs = 1
        features.xcrs.0.value = ProcessorState.extendedFeatures
        try KVM.control(descriptor, "KVM_SET_XCRS", PAL_KVM_SET_XCRS, with: &features)
    }

    /// Changes the special registers that every call starts from. Cold: several vCPU ioctls.
    func changeInitialSpecialRegisters(_ change: (inout kvm_sregs) -> Void) throws(MachineError) {
        var registers = kvm_sregs()
        try KVM.control(descriptor, "KVM_GET_SREGS", PAL_KVM_GET_SREGS, with: &registers)
        change(&registers)
        try KVM.control(descriptor, "KVM_SET_SREGS", PAL_KVM_SET_SREGS, with: &registers)
        try KVM.control(descriptor, "KVM_GET_SREGS", PAL_KVM_GET_SREGS, with: &initialSpecialRegisters)
    }

    /// Makes the next `run` start at `instruction` with stack pointer `stack`, R8 the entry code's features, every
    /// other general register zero, and segments, bases and control registers as configured.
    package func load(instruction: UInt64, stack: UInt64) {
        var registers = kvm_regs()
        registers.rip = instruction
        registers.rsp = stack
        registers.r8 = entryFeatures | UInt64(PAL_ENTRY_HAS_FLAGS)
        registers.rflags = ProcessorState.initialFlags
        pal_run_regs(state).pointee = registers
        pal_run_load(state, &initialSpecialRegisters)
    }

    /// Where the next `load` finds the page tables.
    package func setPageTableRoot(_ root: UInt64) { initialSpecialRegisters.cr3 = root }

    /// Lets KVM finish what the last exit left half done (a port access has its second half at the next entry),
    /// without running a single instruction of the guest's (KVM API, section 5, "immediate_exit").
    /// - Returns: false if the vCPU is not to be trusted any more.
    package func settle() -> Bool {
        pal_run_set_immediate_exit(state, true)
        defer { pal_run_set_immediate_exit(state, false) }
        return pal_kvm_run(descriptor.rawValue, hasProtectionKeys) == -EINTR
    }

    /// Enters the guest: exactly one system call.
    package func run() -> GuestExit {
        let result = pal_kvm_run(descriptor.rawValue, hasProtectionKeys)
        if result < 0 {
            let errno = Errno(rawValue: -result)
            return errno == .interrupted || errno == .resourceTemporarilyUnavailable
                ? .interrupted : .lost(.failed(errno))
        }
        switch Int32(bitPattern: state.pointee.exit_reason) {
        case KVM_EXIT_IO: return portExit()
        case KVM_EXIT_INTR: return .interrupted
        case KVM_EXIT_MMIO: return .lost(.memoryMappedIO(address: pal_run_mmio_address(state)))
        case KVM_EXIT_SHUTDOWN: return .lost(.shutdown)
        case KVM_EXIT_FAIL_ENTRY: return .lost(.entryFailed(reason: pal_run_entry_failure(state)))
        case KVM_EXIT_INTERNAL_ERROR: return .lost(.internalError(suberror: pal_run_internal_suberror(state)))
        default: return .lost(.unexpectedExit(reason: state.pointee.exit_reason))
        }
    }

    /// For benchmarks: from here on registers stay in KVM.
    package func stopSynchronizingRegisters() { state.pointee.kvm_valid_regs = 0 }

    /// For benchmarks: the bare system call, and whether it ended in a port exit. A ring's completions can interrupt
    /// it.
    package func resumeBare() -> Bool {
        var result = pal_kvm_run_bare(descriptor.rawValue)
        while result == -EINTR { result = pal_kvm_run_bare(descriptor.rawValue) }
        return result == 0 && state.pointee.exit_reason == UInt32(KVM_EXIT_IO)
    }

    private func portExit() -> GuestExit {
        let port = pal_run_io_port(state)
        guard pal_run_io_is_out(state), pal_run_io_size(state) == 1, pal_run_io_count(state) == 1 else {
            return .forbiddenPort(port)
        }
        return GuestExit(port: port, isSupervisor: isInSupervisor)
    }

    /// General registers as of the last exit.
    package var registers: kvm_regs { pal_run_regs(state).pointee }

    /// CR2 as of the last exit: the address a page fault was about.
    package var faultAddress: UInt64 { pal_run_sregs(state).pointee.cr2 }
}
