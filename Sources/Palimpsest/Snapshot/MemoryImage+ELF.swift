import CPalimpsest

/// A guest's memory before its first instruction: the ELF's segments, and everything else zero.
extension MemoryImage {
    /// 64 KiB on both sides of the stack: a frame larger than that can jump it, as on any stack without probes.
    private static let stackGuardByteCount = 64 << 10

    /// - Parameter sizes: `zeroData` is worked out from the ELF.
    /// - Throws: `MachineError`, `MemoryRegionError`.
    convenience init(_ elf: ELFImage, sizes: ScratchLayout.Sizes) throws {
        let image = try ImageLayer(elf)
        var sizes = sizes
        sizes.zeroData = image.zeroByteCount
        let layout = ScratchLayout(sizes)
        let layer = MemoryLayer(image.segment, at: GuestLayout.layersPhysical)
        self.init(
            layout: layout,
            regions: RegionMap(try MemoryImage.elfRegions(image, layout) + MemoryImage.fixedRegions(layout)),
            layers: [layer],
            pages: PageMap(image.runs.map { PageMap.Run(pages: $0.pages, layer: layer, offset: $0.layerOffset) }),
            trusted: try TrustedLayer.shared())
    }

    private static func elfRegions(_ image: ImageLayer, _ layout: ScratchLayout) throws -> [RegionMap.Mapping] {
        var mappings: [RegionMap.Mapping] = []
        for run in image.runs {
            let label: MemoryRegionLabel =
                run.access.contains(.execute) ? .code : run.access.contains(.write) ? .data : .readOnlyData
            let region = try MemoryRegion(guest: run.pages, host: nil, access: run.access, label: label)
            mappings.append(.init(region: region, backing: .pool))
        }
        var frames = layout.zeroData
        for run in image.zeroRuns {
            let region = try MemoryRegion(guest: run.pages, host: nil, access: run.access, label: .zeroData)
            mappings.append(.init(region: region, backing: .home(frames)))
            frames = frames + region.byteCount
        }
        return mappings
    }

    /// What every guest has beside its image: a function of the sizes alone.
    static func fixedRegions(_ layout: ScratchLayout) throws -> [RegionMap.Mapping] {
        let sizes = layout.sizes
        var low = MemoryRegionBuilder(start: GuestLayout.entry, limit: GuestLayout.mailbox)
        let entry = try low.push(byteCount: pageByteCount, access: [.read, .execute], label: .entry)
        let constants = try low.push(byteCount: pageByteCount, access: .read, label: .constants)

        let stackStart = GuestLayout.stackTop + -sizes.stack
        var stack = MemoryRegionBuilder(start: stackStart + -stackGuardByteCount, limit: GuestLayout.heap)
        try stack.pushGuard(byteCount: stackGuardByteCount)
        try stack.push(byteCount: sizes.stack, access: [.read, .write], label: .stack)
        try stack.pushGuard(byteCount: stackGuardByteCount)

        func zeroFilled(
            _ start: GuestVirtualAddress, _ byteCount: Int, _ label: MemoryRegionLabel
        ) throws -> MemoryRegion<GuestVirtualAddress> {
            try MemoryRegion(guest: start..<start + byteCount, host: nil, access: [.read, .write], label: label)
        }
        let entryFrame = GuestLayout.trustedPhysical + GuestLayout.trustedEntryPage * pageByteCount
        return [
            .init(region: entry, backing: .fixed(entryFrame)),
            .init(region: constants, backing: .fixed(layout.constants)),
            .init(
                region: try zeroFilled(GuestLayout.mailbox, sizes.mailbox, .mailbox), backing: .shared(layout.mailbox)),
            .init(region: try zeroFilled(GuestLayout.heap, sizes.heap, .heap), backing: .home(layout.heap)),
        ] + stack.regions.map { .init(region: $0, backing: $0.label == .stack ? .home(layout.stack) : .none) }
    }
}
