import CPalimpsest

/// The pages a rollback brings back: those written since the sandbox was attached to its image.
///
/// Dirty bits are read, never cleared: clearing one would need a flush. So a page once found dirty stays on the list,
/// marked `listed` in its entry, and every rollback restores it. The steady state is a scan of the tracked tables
/// that finds nothing new, and a copy of the same runs again.
final class TrackedPages {
    /// One page of the list.
    private struct Page {
        let address: GuestVirtualAddress
        let entry: UnsafeMutablePointer<UInt64>
        let frame: UnsafeMutableRawPointer
        /// Looks at the page in a row that found nothing to restore.
        var idleCount = 0
    }

    private var pages: [Page] = []
    /// What to copy where, in address order: neighbours with neighbouring content are one run.
    private(set) var runs: [RestoreRun] = []
    /// Whether any run's source is a file.
    private(set) var hasFileRuns = false

    var pageCount: Int { pages.count }
    var addresses: [GuestVirtualAddress] { pages.map(\.address) }

    func contains(_ address: GuestVirtualAddress) -> Bool { pages.contains { $0.address == address } }

    /// Puts newly dirty pages on the list. The scan is the hot path; finding some is not.
    /// - Returns: how many pages are new.
    func collect(_ tables: PageTables, _ scratch: ScratchMemory, _ image: MemoryImage) -> Int {
        let before = pages.count
        for table in tables.trackedTables where pal_unlisted_dirty(table.entries) != 0 {
            for index in 0..<PageTables.entriesPerTable {
                let entry = PageTableEntry(rawValue: table.entries[index])
                guard entry.isDirty, entry.isWritable, !entry.isListed else { continue }
                list(table.start + index * pageByteCount, table.entries + index, scratch)
            }
        }
        if pages.count > before { rebuild(image) }
        return pages.count - before
    }

    /// Puts pages on the list that the host wrote, or may have: no dirty bit says so.
    func add(
        _ addresses: some Sequence<GuestVirtualAddress>, _ tables: PageTables, _ scratch: ScratchMemory,
        _ image: MemoryImage
    ) {
        let before = pages.count
        for address in addresses {
            guard let entry = tables.leaf(address), !PageTableEntry(rawValue: entry.pointee).isListed else { continue }
            list(address, entry, scratch)
        }
        if pages.count > before { rebuild(image) }
    }

    private func list(
        _ address: GuestVirtualAddress, _ entry: UnsafeMutablePointer<UInt64>, _ scratch: ScratchMemory
    ) {
        let frame = scratch.host(PageTableEntry(rawValue: entry.pointee).frame)
        pages.append(Page(address: address, entry: entry, frame: frame))
        entry.pointee |= PageTableEntry.listed
    }

    /// Works out again where each page's content comes from: the list has grown, or the image is another.
    func rebuild(_ image: MemoryImage) {
        pages.sort { $0.address < $1.address }
        runs.removeAll(keepingCapacity: true)
        for page in pages {
            let run = RestoreRun(destination: page.frame, content: image.pages.content(of: page.address))
            if let last = runs.last, let joined = last.joined(with: run) {
                runs[runs.count - 1] = joined
            } else {
                runs.append(run)
            }
        }
        hasFileRuns = runs.contains(where: \.isFile)
    }

    // MARK: - Pages that have gone idle

    /// Compares every page with what a rollback would put there.
    /// - Returns: how many pages have been clean for `rounds` looks or more.
    func inspect(_ image: MemoryImage, rounds: Int) -> Int {
        var idle = 0
        for index in pages.indices {
            let content = image.pages.content(of: pages[index].address)
            if case .layer(let layer, _) = content, layer.file != nil { continue }
            let isClean = PageComparison.isEqual(pages[index].frame, content)
            pages[index].idleCount = isClean ? pages[index].idleCount + 1 : 0
            if pages[index].idleCount >= rounds { idle += 1 }
        }
        return idle
    }

    /// The pages that `inspect` has not found idle.
    func active(rounds: Int) -> [GuestVirtualAddress] {
        pages.filter { $0.idleCount < rounds }.map(\.address)
    }

    /// The list, in address order: addresses and bytes in scratch.
    var contents: [(address: GuestVirtualAddress, bytes: UnsafeRawPointer)] {
        pages.map { ($0.address, UnsafeRawPointer($0.frame)) }
    }
}
