import CPalimpsest

/// What the entry code has to put back, and may use for it, on this processor under this KVM: `PAL_ENTRY_HAS_...`.
///
/// Which instructions there are CPUID tells. Whether code in ring 3 can change the protection keys it does not: where
/// ring 3 runs natively under a nested KVM, that is as the host's kernel has it, whatever CR4 the vCPU was given and
/// whatever CPUID leaves KVM offers; elsewhere WRPKRU is #UD without CR4.PKE. So one is tried.
enum EntryFeatures {
    private static let found = Result { () throws(MachineError) in try find() }

    /// - Throws: `MachineError` if there was no machine to try it in; then each caller tries again.
    static func shared() throws(MachineError) -> UInt64 {
        switch found {
        case .success(let features): return features
        case .failure: return try find()
        }
    }

    private static func find() throws(MachineError) -> UInt64 {
        var features: UInt64 = 0
        if ProcessorState.hasSegmentBaseInstructions { features |= UInt64(PAL_ENTRY_HAS_BASES) }
        // XGETBV with ECX = 1 (CPUID leaf 0xD, subleaf 1: EAX bit 2).
        if pal_cpuid(0xD, 1).eax & 1 << 2 != 0 { features |= UInt64(PAL_ENTRY_HAS_XINUSE) }
        let shell = try MachineShell(entryFeatures: 0)
        if try canWriteProtectionKeys(shell) { features |= UInt64(PAL_ENTRY_HAS_KEYS) }
        shell.vcpu.entryFeatures = features
        if shell.vcpu.settle() {
            // The first sandbox has it.
            try shell.clean(keeping: ScratchMemory.keptPageCountForOthers)
            ShellCache.shared.give(shell)
        }
        return features
    }

    /// Has a guest without a program execute WRPKRU.
    private static func canWriteProtectionKeys(_ shell: MachineShell) throws(MachineError) -> Bool {
        let memory: AddressSpace
        do {
            let image = try emptyImage()
            memory = try AddressSpace(image, try shell.prepare(image))
        } catch let error as MachineError {
            throw error
        } catch {
            throw .outOfMemory(operation: "trying out the processor (\(error))")
        }
        shell.vcpu.setPageTableRoot(memory.root.rawValue)
        while true {
            shell.vcpu.load(instruction: GuestLayout.keyProbe.rawValue, stack: GuestLayout.stackTop.rawValue)
            switch shell.vcpu.run() {
            case .returned: return true
            case .interrupted: continue
            // #UD, as a rule.
            case .hostCall, .ready, .log, .abort, .pageFault, .exception, .forbiddenPort, .lost: return false
            }
        }
    }

    /// The memory that every guest has, and nothing in it.
    private static func emptyImage() throws -> MemoryImage {
        let layout = ScratchLayout(
            .init(
                mailbox: ScratchLayout.Sizes.mailboxRange.lowerBound, stack: ScratchLayout.Sizes.stackRange.lowerBound,
                zeroData: 0, heap: ScratchLayout.Sizes.heapRange.lowerBound,
                pool: ScratchLayout.Sizes.poolRange.lowerBound))
        return MemoryImage(
            layout: layout, regions: RegionMap(try MemoryImage.fixedRegions(layout)), layers: [], pages: PageMap([]),
            trusted: try TrustedLayer.shared())
    }
}
