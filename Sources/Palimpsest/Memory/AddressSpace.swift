import CPalimpsest

/// A guest's virtual memory: its regions, what backs them, and the page tables that say so.
///
/// Each region is backed in one of three ways, which decides what a fault in it means:
///
///     layer    pages of a snapshot layer; if the guest may write, copy-on-write: mapped read-only, and the
///              first write traps, copies the page into scratch and maps the copy writable
///     scratch  zero-filled memory; mapped writable a page table's worth at a time, at first touch
///     none     guard pages: always a fault
final class AddressSpace {
    enum Backing {
        case layer(GuestPhysicalAddress, host: UnsafeRawPointer)
        case scratch(GuestPhysicalAddress)
        case none
    }

    struct Mapping {
        let region: MemoryRegion<GuestVirtualAddress>
        let backing: Backing
    }

    /// What became of a page fault.
    enum FaultOutcome: Equatable {
        /// The page is there now: resume.
        case resolved
        /// The guest had no right to it.
        case denied
        /// The scratch pool is used up.
        case exhausted
    }

    let scratch: ScratchMemory
    let tables: PageTables
    /// Sorted by address, no two overlap.
    private(set) var mappings: [Mapping] = []
    private(set) var copiedPageCount: UInt64 = 0
    /// The last fault that found its page in order already, and how often in a row.
    private var spurious: (address: GuestVirtualAddress, count: Int) = (GuestVirtualAddress(rawValue: 0), 0)

    init(scratch: ScratchMemory) throws(ScratchExhausted) {
        self.scratch = scratch
        tables = try PageTables(in: scratch)
    }

    var root: GuestPhysicalAddress { tables.root }

    /// Adds a region. Layer-backed pages are mapped at once; scratch-backed ones at first touch.
    func add(_ region: MemoryRegion<GuestVirtualAddress>, _ backing: Backing) throws(ScratchExhausted) {
        let place = mappings.firstIndex { region.guest.lowerBound < $0.region.guest.lowerBound } ?? mappings.endIndex
        mappings.insert(Mapping(region: region, backing: backing), at: place)
        guard case .layer(let frames, _) = backing else { return }
        try tables.map(
            region.guest, to: frames, access: region.access, copyOnWrite: region.access.contains(.write))
    }

    /// Maps supervisor pages, which are in no region a guest could ask about.
    func addSupervisor(
        _ pages: Range<GuestVirtualAddress>, to frames: GuestPhysicalAddress, access: MemoryAccess
    ) throws(ScratchExhausted) {
        try tables.map(pages, to: frames, access: access)
    }

    /// The mapping an address lies in.
    func mapping(at address: GuestVirtualAddress) -> Mapping? {
        var low = 0
        var high = mappings.count
        while low < high {
            let middle = (low + high) / 2
            if mappings[middle].region.guest.upperBound <= address { low = middle + 1 } else { high = middle }
        }
        guard low < mappings.count, mappings[low].region.contains(address) else { return nil }
        return mappings[low]
    }

    /// Maps the pages around a scratch-backed address now rather than at its first touch.
    func touch(_ address: GuestVirtualAddress) throws(ScratchExhausted) {
        guard let mapping = mapping(at: address), case .scratch(let frames) = mapping.backing else { return }
        try mapTable(around: address, in: mapping.region, frames: frames)
    }

    // MARK: - Faults

    /// Answers a page fault of ring 3 (error code: Intel SDM vol. 3, 4.7).
    func resolve(_ address: GuestVirtualAddress, errorCode: UInt64) -> FaultOutcome {
        let isWrite = errorCode & 2 != 0
        let needed: MemoryAccess = errorCode & 16 != 0 ? .execute : isWrite ? .write : .read
        guard let mapping = mapping(at: address), mapping.region.access.contains(needed) else { return .denied }
        do throws(ScratchExhausted) {
            switch mapping.backing {
            case .none:
                return .denied
            case .scratch(let frames):
                if tables[address.page].isPresent { return acceptSpurious(address) }
                try mapTable(around: address, in: mapping.region, frames: frames)
            case .layer(_, let host):
                guard isWrite, tables[address.page].isCopyOnWrite else { return acceptSpurious(address) }
                try copyPage(address.page, from: host + (address.page - mapping.region.guest.lowerBound), mapping)
            }
            return .resolved
        } catch {
            return .exhausted
        }
    }

    /// A stale translation makes a processor fault on a page that is in order: resume, but not for ever.
    private func acceptSpurious(_ address: GuestVirtualAddress) -> FaultOutcome {
        spurious = spurious.address == address ? (address, spurious.count + 1) : (address, 1)
        return spurious.count <= 16 ? .resolved : .denied
    }

    /// Maps every page of `region` that the leaf table of `address` spans.
    private func mapTable(
        around address: GuestVirtualAddress, in region: MemoryRegion<GuestVirtualAddress>, frames: GuestPhysicalAddress
    ) throws(ScratchExhausted) {
        let span = UInt64(PageTables.entriesPerTable * pageByteCount)
        let start = GuestVirtualAddress(rawValue: address.rawValue & ~(span - 1))
        let pages = max(start, region.guest.lowerBound)..<min(start + Int(span), region.guest.upperBound)
        try tables.map(
            pages, to: frames + (pages.lowerBound - region.guest.lowerBound), access: region.access)
    }

    private func copyPage(
        _ page: GuestVirtualAddress, from pristine: UnsafeRawPointer, _ mapping: Mapping
    ) throws(ScratchExhausted) {
        guard let frame = scratch.allocateFrame() else { throw ScratchExhausted() }
        scratch.host(frame).copyMemory(from: pristine, byteCount: pageByteCount)
        try tables.set(page, PageTableEntry(frame: frame, access: mapping.region.access, isUser: true))
        copiedPageCount += 1
    }
}
