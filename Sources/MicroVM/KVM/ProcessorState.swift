import CPalimpsest

/// What a vCPU is set to before its first instruction: 64-bit mode, paging on, ring 3.
///
/// Names and bits: Intel SDM vol. 3, 2.5 (control registers) and 3.4.5 (segment descriptors).
struct ProcessorState {
    var pageTableRoot: UInt64
    var descriptorTable: (base: UInt64, limit: UInt16)
    var interruptTable: (base: UInt64, limit: UInt16)
    var taskState: (base: UInt64, limit: UInt32)

    static let initialFlags = UInt64(PAL_INITIAL_FLAGS)

    /// PE, MP, ET, NE, WP, AM, PG.
    private static let control0: UInt64 = 0x8005_0033
    /// PAE, OSFXSR, OSXMMEXCPT, OSXSAVE.
    private static let control4: UInt64 = 1 << 5 | 1 << 9 | 1 << 10 | 1 << 18
    private static let control4FSGSBASE: UInt64 = 1 << 16
    /// `sgdt`, `sidt`, `sldt`, `str` and `smsw` are faults in ring 3: they would tell where the tables are.
    private static let control4UMIP: UInt64 = 1 << 11
    /// LME, LMA, NXE; not SCE: `syscall` has nowhere to go.
    private static let extendedFeatureEnable: UInt64 = 1 << 8 | 1 << 10 | 1 << 11

    /// Whether guests can write FS and GS bases (CPUID leaf 7, FSGSBASE).
    static let hasSegmentBaseInstructions = pal_cpuid(7, 0).ebx & 1 != 0

    /// XCR0: x87, SSE, AVX and AVX-512 state, as far as the processor has them (Intel SDM vol. 1, 13.3).
    static var extendedFeatures: UInt64 {
        let supported = UInt64(pal_cpuid(0xD, 0).eax)
        let vector: UInt64 = supported & 0b100 != 0 ? 0b111 : 0b11
        let avx512: UInt64 = 0b1110_0000
        return vector == 0b111 && supported & avx512 == avx512 ? vector | avx512 : vector
    }

    /// - Parameter cpuid: what KVM can show a guest of this processor: control bits that it does not know it refuses.
    func apply(to registers: inout kvm_sregs, _ cpuid: [kvm_cpuid_entry2]) {
        registers.cr0 = ProcessorState.control0
        registers.cr3 = pageTableRoot
        registers.cr4 = ProcessorState.control4
        if ProcessorState.hasSegmentBaseInstructions { registers.cr4 |= ProcessorState.control4FSGSBASE }
        if cpuid.contains(where: { $0.function == 7 && $0.index == 0 && $0.ecx & 1 << 2 != 0 }) {
            registers.cr4 |= ProcessorState.control4UMIP
        }
        registers.efer = ProcessorState.extendedFeatureEnable
        registers.cs = segment(selector: DescriptorTables.userCodeSelector, type: 0b1011, long: true)
        registers.ss = segment(selector: DescriptorTables.userDataSelector, type: 0b0011, long: false)
        let null = nullSegment()
        registers.ds = null
        registers.es = null
        registers.fs = null
        registers.gs = null
        registers.tr = kvm_segment()
        registers.tr.base = taskState.base
        registers.tr.limit = taskState.limit
        registers.tr.selector = DescriptorTables.taskSelector
        registers.tr.type = 0b1011
        registers.tr.present = 1
        registers.ldt = kvm_segment()
        registers.ldt.unusable = 1
        registers.gdt = kvm_dtable(base: descriptorTable.base, limit: descriptorTable.limit, padding: (0, 0, 0))
        registers.idt = kvm_dtable(base: interruptTable.base, limit: interruptTable.limit, padding: (0, 0, 0))
    }

    private func segment(selector: UInt16, type: UInt8, long: Bool) -> kvm_segment {
        var segment = kvm_segment()
        segment.limit = 0xffff_ffff
        segment.selector = selector
        segment.type = type
        segment.present = 1
        segment.dpl = 3
        segment.db = long ? 0 : 1
        segment.s = 1
        segment.l = long ? 1 : 0
        segment.g = 1
        return segment
    }

    private func nullSegment() -> kvm_segment {
        var segment = kvm_segment()
        segment.unusable = 1
        return segment
    }
}
