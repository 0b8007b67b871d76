import Synchronization

/// A guest's whole memory at one moment, immutable: what a sandbox starts from and is rolled back to.
///
///     regions   what is where, and who may do what with it
///     layers    sealed pages and mapped files, each a read-only slot
///     pages     which bytes of which layer a page holds; all others are zero
///     tables    page tables that say the same to the processor, made when they are first needed
package final class MemoryImage: Sendable {
    package let layout: ScratchLayout
    package let regions: RegionMap
    /// Layers first, mapped files last; places ascend.
    package let layers: [MemoryLayer]
    package let pages: PageMap
    package let writeSet: WriteSet
    package let hotPages: HotPages
    private let trusted: SharedMemorySegment
    private let cachedTables = Mutex<PageTableImage?>(nil)

    package init(
        layout: ScratchLayout, regions: RegionMap, layers: [MemoryLayer], pages: PageMap, trusted: SharedMemorySegment,
        writeSet: WriteSet = WriteSet(), hotPages: HotPages = HotPages()
    ) {
        self.layout = layout
        self.regions = regions
        self.layers = layers.sorted { $0.place < $1.place }
        self.pages = pages
        self.trusted = trusted
        self.writeSet = writeSet
        self.hotPages = hotPages
    }

    /// The same regions with other contents. What calls were seen to write and touch they will go on to.
    package func with(layers: [MemoryLayer], pages: PageMap) -> MemoryImage {
        MemoryImage(
            layout: layout, regions: regions, layers: layers, pages: pages, trusted: trusted,
            writeSet: WriteSet(writeSet.sorted), hotPages: HotPages(hotPages.all))
    }

    /// With one region more, all of it `layer`.
    package func adding(_ mapping: RegionMap.Mapping, _ layer: MemoryLayer) -> MemoryImage {
        let run = PageMap.Run(pages: mapping.region.guest, layer: layer, offset: 0)
        return MemoryImage(
            layout: layout, regions: RegionMap(regions.mappings + [mapping]), layers: layers + [layer],
            pages: pages.replacing([run.pages], with: [run]), trusted: trusted)
    }

    package var snapshotLayers: [MemoryLayer] { layers.filter { $0.file == nil } }
    package var files: [MemoryLayer] { layers.filter { $0.file != nil } }

    /// What a new sandbox is going to touch first: the hot pages, then what else calls write. Each page once.
    package var firstNeeded: [GuestVirtualAddress] {
        let hot = hotPages.all
        let known = Set(hot)
        return hot + writeSet.sorted.filter { !known.contains($0) }
    }

    /// The path of a file that has become shorter than the pages of it that are mapped; nil if none has.
    package var shortenedFile: String? { layers.first(where: \.isShortened)?.path }

    /// Bytes of the trusted layer's entry page, in the host.
    var entryPage: UnsafeRawPointer {
        UnsafeRawPointer(trusted.memory.baseAddress.unsafelyUnwrapped) + GuestLayout.trustedEntryPage * pageByteCount
    }

    /// - Throws: `ScratchExhausted` if the pool is too small for the tables of an image of this size.
    package func tables() throws -> PageTableImage {
        try cachedTables.withLock { cached in
            if let cached { return cached }
            let image = try PageTableImage(layout) { try lay(out: $0) }
            cached = image
            return image
        }
    }

    private func lay(out tables: PageTables) throws {
        func trusted(_ page: Int) -> GuestPhysicalAddress { GuestLayout.trustedPhysical + page * pageByteCount }
        func supervisor(_ address: GuestVirtualAddress, _ frame: GuestPhysicalAddress, _ access: MemoryAccess) throws {
            try tables.map(address..<address + pageByteCount, to: frame, access: access)
        }
        try supervisor(GuestLayout.stubs, trusted(GuestLayout.trustedStubsPage), [.read, .execute])
        try supervisor(GuestLayout.descriptorTables, trusted(GuestLayout.trustedTablesPage), .read)
        try supervisor(GuestLayout.exceptionStack, layout.exceptionStack, [.read, .write])
        for mapping in regions.mappings {
            let (region, access) = (mapping.region, mapping.region.access)
            switch mapping.backing {
            case .none: continue
            case .fixed(let frames), .shared(let frames): try tables.map(region.guest, to: frames, access: access)
            case .home, .pool:
                for run in pages.runs(in: region.guest) {
                    try tables.map(run.pages, to: run.frame, access: access, copyOnWrite: access.contains(.write))
                }
            }
            // What every call touches is mapped from the start: no call begins with a fault.
            if case .home(let frames) = mapping.backing, region.label == .stack {
                let start = max(region.guest.lowerBound, region.guest.upperBound + -PageTables.tableSpan)
                try tables.map(
                    start..<region.guest.upperBound, to: frames + (start - region.guest.lowerBound), access: access)
            }
        }
    }
}
