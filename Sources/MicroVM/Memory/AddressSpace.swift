import CPalimpsest

/// A guest's live virtual memory: the image it is attached to, its own scratch, and the page tables that say which
/// page is in which.
///
/// Invariant: a page that is not mapped writable holds the bytes the image has for it. A writable page's frame is in
/// scratch, and its dirty bit says whether the guest has written it since the sandbox was attached.
@usableFromInline
package final class AddressSpace {
    /// What became of a page fault.
    package enum FaultOutcome: Equatable {
        /// The page is there now: resume.
        case resolved
        /// The guest had no right to it.
        case denied
        /// The scratch pool is used up.
        case exhausted
        /// The file behind the page is gone, or shorter than it was.
        case unreadable(path: String)
    }

    package let scratch: ScratchMemory
    package let tables: PageTables
    package let tracked = TrackedPages()
    package private(set) var image: MemoryImage
    package private(set) var copiedPageCount: UInt64 = 0
    private var cluster = CopyCluster()
    /// The last fault that found its page in order already, and how often in a row.
    private var spurious: (address: GuestVirtualAddress, count: Int) = (GuestVirtualAddress(rawValue: 0), 0)
    /// Snapshot pages in the order of their first touch, while that is recorded.
    package var touches: [GuestVirtualAddress]?
    /// Made for the first breakpoint in the entry code, and kept for the next.
    var entryCodeCopy: EntryCodeCopy?
    /// Where a file's page is put for the host to look at: the file may shrink while it does.
    var filePage: UnsafeMutableRawPointer?

    /// - Parameter scratch: zero-filled, of the image's layout. It gets the image's page tables and mailbox.
    /// - Throws: `MachineError`, `ScratchExhausted`, `CopyFailure.unreadable`.
    init(_ image: MemoryImage, _ scratch: ScratchMemory) throws {
        self.image = image
        self.scratch = scratch
        tables = try image.tables().copy(to: scratch)
        imageTableCount = tables.trackedTables.count
        try fillMailbox()
    }

    deinit { filePage?.deallocate() }

    package var root: GuestPhysicalAddress { tables.root }
    /// Tracked tables that no listed page is in, beyond those of the image.
    var idleTableCount: Int { max(0, tables.trackedTables.count - imageTableCount - tracked.tableCount) }
    private let imageTableCount: Int
    /// Copies have used up more than half of what there was for them.
    var isPoolScarce: Bool { tables.pool.isScarce }

    package func mapping(at address: GuestVirtualAddress) -> RegionMap.Mapping? { image.regions.mapping(at: address) }

    /// The mailbox is writable from the start: its bytes are put there now, and what a call writes without the
    /// guest's help is restored by every rollback.
    private func fillMailbox() throws {
        for mapping in image.regions.mappings {
            guard case .shared(let frames) = mapping.backing else { continue }
            let pages = mapping.region.guest
            for run in image.pages.runs(in: pages) {
                try copy(
                    run.layer, run.offset, byteCount: run.pages.upperBound - run.pages.lowerBound,
                    to: frames + (run.pages.lowerBound - pages.lowerBound))
            }
        }
        trackMailbox(byteCount: Int(PAL_MAILBOX_DATA_OFFSET))
    }

    /// Bytes at the start of the mailbox that rollbacks restore whether or not the guest has written them.
    package private(set) var trackedMailboxByteCount = 0

    /// Has rollbacks restore the first `byteCount` bytes of the mailbox, whoever wrote them.
    package func trackMailbox(byteCount: Int) {
        guard byteCount > trackedMailboxByteCount else { return }
        let end = byteCount.roundedUpToPages
        let pages = stride(from: trackedMailboxByteCount, to: end, by: pageByteCount).map { GuestLayout.mailbox + $0 }
        tracked.add(pages, tables, scratch, image)
        trackedMailboxByteCount = end
    }

    /// Puts pages the guest has newly written on the list, and returns them.
    @discardableResult
    package func collect() -> [GuestVirtualAddress] { tracked.collect(tables, scratch, image) }

    /// The list was made under another image: which of its pages calls write under this one has yet to be seen.
    private(set) var isListInherited = false

    /// A list no longer than this is learned whole.
    private static let wholeListPageCount = 64

    /// Remembers with the image what calls have written since the last rollback: `new`; and of a list that was there
    /// before the image was, every page that is not as the image has it, or all if they are few: that a call writes the
    /// same again shows in no comparison. From calls that did not end well nothing is learned.
    package func learnWriteSet(_ new: [GuestVirtualAddress], callsEndedWell: Bool) {
        if !callsEndedWell {
            // What is listed now will not be new again, when good calls write it.
            isListInherited = isListInherited || !new.isEmpty
        } else if isListInherited {
            isListInherited = false
            let isShort = tracked.pageCount <= AddressSpace.wholeListPageCount
            image.writeSet.formUnion(isShort ? tracked.addresses : tracked.changed(from: image))
        } else if !new.isEmpty {
            image.writeSet.formUnion(new)
        }
    }

    /// Tells what rollbacks look at and copy now, in this process, from what they do at any other time or elsewhere.
    package struct WrittenVersion: Equatable {
        fileprivate let list: UInt64
        fileprivate let windows: UInt64

        /// No list has version 0.
        package static let none = WrittenVersion(list: 0, windows: 0)
    }

    package var writtenVersion: WrittenVersion { WrittenVersion(list: tracked.version, windows: tables.windowVersion) }

    // MARK: - Images

    /// Attaches to another image whose every difference lies in pages that `coversDifferences` found to be listed.
    /// The tables stay; the next rollback brings the image's bytes.
    package func adopt(_ image: MemoryImage) {
        self.image = image
        isListInherited = true
        tracked.rebuild(image)
    }

    /// Whether copying is enough to get from this image to `other`: same regions, and every page that differs is
    /// mapped to its frame in scratch for certain, because the guest has written it through that very mapping.
    package func coversDifferences(from other: MemoryImage) -> Bool {
        guard image.regions === other.regions, image.layout == other.layout else { return false }
        let differences = image.pages.differences(from: other.pages)
        let byteCount = differences.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
        guard byteCount <= tracked.pageCount * pageByteCount else { return false }
        return differences.allSatisfy { range in
            stride(from: 0, to: range.upperBound - range.lowerBound, by: pageByteCount).allSatisfy {
                tables[range.lowerBound + $0].isListed
            }
        }
    }

    /// Adds a region with a layer of its own. Its pages were absent: making them present needs no flush.
    /// - Throws: `ScratchExhausted` before anything is done.
    package func add(_ mapping: RegionMap.Mapping, _ layer: MemoryLayer) throws(ScratchExhausted) {
        let (pages, access) = (mapping.region.guest, mapping.region.access)
        guard PageTables.maximumTableCount(for: pages) <= tables.pool.remainingFrameCount else {
            throw ScratchExhausted()
        }
        try tables.map(pages, to: layer.place, access: access, copyOnWrite: access.contains(.write))
        adopt(image.adding(mapping, layer))
    }

    // MARK: - Faults

    /// Answers a page fault of ring 3 (error code: Intel SDM vol. 3, 4.7).
    package func resolve(_ address: GuestVirtualAddress, _ code: PageFaultCode) -> FaultOutcome {
        // Nothing that is done to a page gives a guest a right that its protection keys deny.
        if code.contains(.protectionKey) { return .denied }
        let isWrite = code.contains(.write)
        guard let mapping = mapping(at: address), mapping.region.access.contains(code.neededAccess) else {
            return .denied
        }
        let entry = reveal(address.page)
        if case .none = mapping.backing { return .denied }
        if entry.isPresent && !(isWrite && entry.isCopyOnWrite) { return acceptSpurious(address) }
        spurious.count = 0
        do throws(CopyFailure) {
            if entry.isPresent {
                try copyCluster(around: address.page, mapping)
            } else {
                try mapZeros(around: address.page, mapping)
            }
            return .resolved
        } catch {
            switch error {
            case .exhausted: return .exhausted
            case .unreadable(let path): return .unreadable(path: path)
            }
        }
    }

    /// A stale translation makes a processor fault on a page that is in order: resume, but not for ever.
    private func acceptSpurious(_ address: GuestVirtualAddress) -> FaultOutcome {
        spurious = spurious.address == address ? (address, spurious.count + 1) : (address, 1)
        return spurious.count <= 16 ? .resolved : .denied
    }

    /// Maps zero-filled memory: all pages that the leaf table of `page` spans, where they have homes.
    private func mapZeros(around page: GuestVirtualAddress, _ mapping: RegionMap.Mapping) throws(CopyFailure) {
        guard case .home(let frames) = mapping.backing else { return try copyPage(page, mapping) }
        let region = mapping.region.guest
        let start = GuestVirtualAddress(rawValue: page.rawValue & ~UInt64(PageTables.tableSpan - 1))
        let pages = max(start, region.lowerBound)..<min(start + PageTables.tableSpan, region.upperBound)
        do throws(ScratchExhausted) {
            try tables.map(
                pages, to: frames + (pages.lowerBound - region.lowerBound), access: mapping.region.access)
        } catch {
            throw .exhausted
        }
    }

    // MARK: - Copies

    enum CopyFailure: Error {
        case exhausted
        case unreadable(path: String)
    }

    /// Copies pages before anyone writes them: a write set, or as much of it as there is room to spare for.
    func copyAhead(_ pages: some Sequence<GuestVirtualAddress>) throws(CopyFailure) {
        for page in pages where !isPoolScarce {
            guard let mapping = mapping(at: page), mapping.region.access.contains(.write) else { continue }
            let entry = tables[page]
            if entry.isCopyOnWrite {
                try copyPage(page, mapping)
            } else if !entry.isPresent {
                try mapZeros(around: page, mapping)
            }
        }
    }

    /// Copies `page`, which must be, and such of its neighbours as may be.
    private func copyCluster(around page: GuestVirtualAddress, _ mapping: RegionMap.Mapping) throws(CopyFailure) {
        try copyPage(page, mapping)
        guard !isPoolScarce else { return }
        for neighbour in cluster.neighbours(of: page, in: mapping.region.guest)
        where neighbour != page && tables[neighbour].isPresent && tables[neighbour].isCopyOnWrite {
            do throws(CopyFailure) { try copyPage(neighbour, mapping) } catch { return }
        }
    }

    /// Gives a page a frame in scratch with the image's bytes, writable, D = 0.
    private func copyPage(_ page: GuestVirtualAddress, _ mapping: RegionMap.Mapping) throws(CopyFailure) {
        guard let frame = frame(for: page, mapping) else { throw .exhausted }
        if case .layer(let layer, let offset) = image.pages.content(of: page) {
            try copy(layer, offset, byteCount: pageByteCount, to: frame)
            copiedPageCount += 1
        }
        do throws(ScratchExhausted) {
            try tables.set(page, PageTableEntry(frame: frame, access: mapping.region.access, isUser: true))
        } catch {
            throw .exhausted
        }
    }

    private func frame(for page: GuestVirtualAddress, _ mapping: RegionMap.Mapping) -> GuestPhysicalAddress? {
        guard case .home(let frames) = mapping.backing else { return tables.pool.allocate() }
        return frames + (page - mapping.region.guest.lowerBound)
    }

    /// Bytes of a layer. Sealed memory cannot go away; a file can.
    private func copy(
        _ layer: MemoryLayer, _ offset: Int, byteCount: Int, to frames: GuestPhysicalAddress
    ) throws(CopyFailure) {
        let source = layer.bytes(at: offset)
        guard let path = layer.path else {
            return scratch.write(UnsafeRawBufferPointer(start: source, count: byteCount), at: frames)
        }
        guard pal_copy_guarded(scratch.host(frames), source, byteCount) == 0 else { throw .unreadable(path: path) }
    }
}
