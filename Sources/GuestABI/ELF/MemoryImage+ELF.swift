import MicroVM

/// A guest's memory before its first instruction: the ELF's segments, and everything else zero.
extension MemoryImage {
    /// - Parameter sizes: `zeroData` is worked out from the ELF.
    /// - Throws: `MachineError`, `MemoryRegionError`.
    package convenience init(_ elf: ELFImage, sizes: ScratchLayout.Sizes) throws {
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
}
