/// Four levels of page tables, built and changed by the host, never mapped for the guest.
///
/// Only upgrades happen here while a guest lives: absent to present, read-only to writable. The host may make
/// them at the moment of the fault; every kind of KVM sees them at once.
package final class PageTables {
    /// A leaf table with pages the guest may write: its dirty bits say which of them it has written.
    struct TrackedTable {
        /// The address its first entry maps.
        let start: GuestVirtualAddress
        let frame: GuestPhysicalAddress
        let entries: UnsafeMutablePointer<UInt64>
        /// The entries that can be writable, whole cache lines of them: what a rollback has to look at.
        var window: Range<Int>

        fileprivate mutating func cover(_ indices: Range<Int>) {
            let lines = indices.lowerBound & ~7..<(indices.upperBound + 7) & ~7
            window =
                window.isEmpty
                ? lines : min(window.lowerBound, lines.lowerBound)..<max(window.upperBound, lines.upperBound)
        }
    }

    /// Where tables are, and where frames for copied pages come from.
    package let pool: FramePool
    package let root: GuestPhysicalAddress
    /// In no order; each table once.
    private(set) var trackedTables: [TrackedTable] = []
    /// Changes whenever a tracked table or its window does.
    private(set) var windowVersion: UInt64 = 0

    /// Entries of a table; also pages that one leaf table spans.
    static let entriesPerTable = 512
    /// Bytes of guest memory that one leaf table spans: 2 MiB.
    static let tableSpan = entriesPerTable * pageByteCount

    /// - Throws: `ScratchExhausted` if the pool has no page left for the root.
    init(in pool: FramePool) throws(ScratchExhausted) {
        guard let root = pool.allocate() else { throw ScratchExhausted() }
        self.pool = pool
        self.root = root
    }

    /// Takes over tables that are in the pool already.
    init(in pool: FramePool, copying image: PageTableImage) {
        self.pool = pool
        root = image.root
        trackedTables = image.trackedTables.map { tracked in
            TrackedTable(
                start: tracked.start, frame: tracked.frame, entries: table(tracked.frame), window: tracked.window)
        }
    }

    /// The table that was added to last, as a rule the next one, too.
    private var lastTracked = 0

    /// Has rollbacks look at entries of the tracked table that spans `address`.
    private func cover(_ address: GuestVirtualAddress, count: Int) {
        windowVersion &+= 1
        let start = GuestVirtualAddress(rawValue: address.rawValue & ~UInt64(PageTables.tableSpan - 1))
        if !trackedTables.indices.contains(lastTracked) || trackedTables[lastTracked].start != start {
            guard let found = trackedTables.lastIndex(where: { $0.start == start }) else { return }
            lastTracked = found
        }
        let first = index(address, level: 0)
        trackedTables[lastTracked].cover(first..<first + count)
    }

    private func table(_ frame: GuestPhysicalAddress) -> UnsafeMutablePointer<UInt64> {
        pool.host(frame).assumingMemoryBound(to: UInt64.self)
    }

    private func index(_ address: GuestVirtualAddress, level: Int) -> Int {
        Int(address.rawValue >> (12 + 9 * UInt64(level)) & 511)
    }

    /// Whether an address is in the half that ring 3 may see.
    private func isUser(_ address: GuestVirtualAddress) -> Bool { address.rawValue < 1 << 47 }

    /// The entry that maps the page of `address`; nil if its leaf table does not exist yet.
    package func leaf(_ address: GuestVirtualAddress) -> UnsafeMutablePointer<UInt64>? {
        var frame = root
        for level in stride(from: 3, to: 0, by: -1) {
            let entry = PageTableEntry(rawValue: table(frame)[index(address, level: level)])
            guard entry.isPresent else { return nil }
            frame = entry.frame
        }
        return table(frame) + index(address, level: 0)
    }

    /// As `leaf`, and makes the tables that are missing on the way. A leaf table that is to hold writable pages
    /// becomes a tracked one; a bit in the entry that points to it says that it is.
    private func makeLeaf(
        _ address: GuestVirtualAddress, tracked: Bool
    ) throws(ScratchExhausted) -> UnsafeMutablePointer<UInt64> {
        var frame = root
        for level in stride(from: 3, to: 0, by: -1) {
            let slot = table(frame) + index(address, level: level)
            var entry = PageTableEntry(rawValue: slot.pointee)
            if !entry.isPresent {
                guard let next = pool.allocate() else { throw ScratchExhausted() }
                entry = PageTableEntry(table: next, isUser: isUser(address))
                slot.pointee = entry.rawValue
            }
            frame = entry.frame
            if level == 1, tracked, slot.pointee & PageTableEntry.trackedTable == 0 {
                slot.pointee |= PageTableEntry.trackedTable
                let mask = ~UInt64(PageTables.tableSpan - 1)
                trackedTables.append(
                    TrackedTable(
                        start: .init(rawValue: address.rawValue & mask), frame: frame, entries: table(frame),
                        window: 0..<0))
            }
        }
        return table(frame) + index(address, level: 0)
    }

    /// Visits the leaf entries of ring 3's half that are present. Cold.
    func forEachUserLeaf(_ body: (UnsafeMutablePointer<UInt64>) -> Void) {
        visit(root, level: 3, count: PageTables.entriesPerTable / 2, body)
    }

    private func visit(
        _ frame: GuestPhysicalAddress, level: Int, count: Int, _ body: (UnsafeMutablePointer<UInt64>) -> Void
    ) {
        let entries = table(frame)
        for index in 0..<count where PageTableEntry(rawValue: entries[index]).isPresent {
            if level == 0 {
                body(entries + index)
            } else {
                let next = PageTableEntry(rawValue: entries[index]).frame
                visit(next, level: level - 1, count: PageTables.entriesPerTable, body)
            }
        }
    }

    package subscript(address: GuestVirtualAddress) -> PageTableEntry {
        leaf(address).map { PageTableEntry(rawValue: $0.pointee) } ?? .absent
    }

    package func set(_ address: GuestVirtualAddress, _ entry: PageTableEntry) throws(ScratchExhausted) {
        let isTracked = entry.isWritable && entry.isUser
        try makeLeaf(address, tracked: isTracked).pointee = entry.rawValue
        if isTracked { cover(address, count: 1) }
    }

    /// Maps a run of pages to consecutive frames. Pages that are mapped already keep their entry.
    package func map(
        _ pages: Range<GuestVirtualAddress>, to frames: GuestPhysicalAddress, access: MemoryAccess,
        copyOnWrite: Bool = false
    ) throws(ScratchExhausted) {
        let isUser = isUser(pages.lowerBound)
        let isTracked = isUser && access.contains(.write) && !copyOnWrite
        var address = pages.lowerBound
        while address < pages.upperBound {
            var slot = try makeLeaf(address, tracked: isTracked)
            let inTable = PageTables.tableSpan - Int(address.rawValue & UInt64(PageTables.tableSpan - 1))
            let end = min(address + inTable, pages.upperBound)
            if isTracked { cover(address, count: (end - address) / pageByteCount) }
            while address < end {
                if slot.pointee == 0 {
                    let frame = frames + (address - pages.lowerBound)
                    slot.pointee =
                        PageTableEntry(frame: frame, access: access, isUser: isUser, copyOnWrite: copyOnWrite).rawValue
                }
                slot += 1
                address = address + pageByteCount
            }
        }
    }

    /// How many tables mapping `pages` can take at most: at each level one for every span that the range touches.
    static func maximumTableCount(for pages: Range<GuestVirtualAddress>) -> Int {
        (0..<3).reduce(0) { count, level in
            let shift = UInt64(21 + 9 * level)
            let last = (pages.upperBound.rawValue - 1) >> shift
            return count + Int(last - pages.lowerBound.rawValue >> shift) + 1
        }
    }
}

/// The scratch pool has no page left.
package struct ScratchExhausted: Error, Equatable {}
