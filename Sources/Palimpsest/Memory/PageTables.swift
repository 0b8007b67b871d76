/// Four levels of page tables in scratch, built and changed by the host, never mapped for the guest.
///
/// Only upgrades happen here while a guest lives: absent to present, read-only to writable. The host may make
/// them at the moment of the fault; every kind of KVM sees them at once.
struct PageTables {
    private let scratch: ScratchMemory
    let root: GuestPhysicalAddress

    /// - Throws: `ScratchExhausted` if the pool has no page left for the root.
    init(in scratch: ScratchMemory) throws(ScratchExhausted) {
        guard let root = scratch.allocateFrame() else { throw ScratchExhausted() }
        self.scratch = scratch
        self.root = root
    }

    /// Entries of a table; also pages that one leaf table spans.
    static let entriesPerTable = 512

    private func table(_ frame: GuestPhysicalAddress) -> UnsafeMutablePointer<UInt64> {
        scratch.host(frame).assumingMemoryBound(to: UInt64.self)
    }

    private func index(_ address: GuestVirtualAddress, level: Int) -> Int {
        Int(address.rawValue >> (12 + 9 * UInt64(level)) & 511)
    }

    /// Whether an address is in the half that ring 3 may see.
    private func isUser(_ address: GuestVirtualAddress) -> Bool { address.rawValue < 1 << 47 }

    /// The leaf table that `address` belongs to, and the index in it; nil if there is none yet.
    private func leaf(_ address: GuestVirtualAddress) -> UnsafeMutablePointer<UInt64>? {
        var frame = root
        for level in stride(from: 3, to: 0, by: -1) {
            let entry = PageTableEntry(rawValue: table(frame)[index(address, level: level)])
            guard entry.isPresent else { return nil }
            frame = entry.frame
        }
        return table(frame) + index(address, level: 0)
    }

    /// As `leaf`, and makes the tables that are missing on the way.
    private func makeLeaf(_ address: GuestVirtualAddress) throws(ScratchExhausted) -> UnsafeMutablePointer<UInt64> {
        var frame = root
        for level in stride(from: 3, to: 0, by: -1) {
            let slot = table(frame) + index(address, level: level)
            var entry = PageTableEntry(rawValue: slot.pointee)
            if !entry.isPresent {
                guard let next = scratch.allocateFrame() else { throw ScratchExhausted() }
                entry = PageTableEntry(table: next, isUser: isUser(address))
                slot.pointee = entry.rawValue
            }
            frame = entry.frame
        }
        return table(frame) + index(address, level: 0)
    }

    subscript(address: GuestVirtualAddress) -> PageTableEntry {
        leaf(address).map { PageTableEntry(rawValue: $0.pointee) } ?? .absent
    }

    func set(_ address: GuestVirtualAddress, _ entry: PageTableEntry) throws(ScratchExhausted) {
        try makeLeaf(address).pointee = entry.rawValue
    }

    /// Maps a run of pages to consecutive frames. Pages that are mapped already keep their entry.
    func map(
        _ pages: Range<GuestVirtualAddress>, to frames: GuestPhysicalAddress, access: MemoryAccess,
        copyOnWrite: Bool = false
    ) throws(ScratchExhausted) {
        var address = pages.lowerBound
        while address < pages.upperBound {
            let slot = try makeLeaf(address)
            if !PageTableEntry(rawValue: slot.pointee).isPresent {
                let frame = frames + (address - pages.lowerBound)
                slot.pointee =
                    PageTableEntry(frame: frame, access: access, isUser: isUser(address), copyOnWrite: copyOnWrite)
                    .rawValue
            }
            address = address + pageByteCount
        }
    }
}

/// The scratch pool has no page left.
struct ScratchExhausted: Error, Equatable {}
