import CPalimpsest
import Synchronization

/// The pages a rollback brings back: those written since the sandbox was attached to its image.
///
/// Dirty bits are read, never cleared: clearing one would need a flush. So a page once found dirty stays on the list,
/// marked `listed` in its entry, and every rollback restores it. The steady state is a scan of the tracked tables
/// that finds nothing new, and a copy of the same runs again.
package final class TrackedPages {
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
    package private(set) var runs: [RestoreRun] = []
    /// Whether any run's source is a file.
    private(set) var hasFileRuns = false
    /// Tells this list, in this process, from every other one and from what it was before it last changed.
    package private(set) var version: UInt64 = 0
    private static let versions = Atomic<UInt64>(1)

    package private(set) var pageCount = 0
    package var addresses: [GuestVirtualAddress] { pages.map(\.address) }
    /// Leaf tables that listed pages are in.
    var tableCount: Int {
        var count = 0
        var last: UInt64?
        for page in pages {
            let table = page.address.rawValue / UInt64(PageTables.tableSpan)
            if table != last { count += 1 }
            last = table
        }
        return count
    }

    /// Puts newly dirty pages on the list. The scan is the hot path; finding some is not.
    /// - Returns: the new pages.
    package func collect(
        _ tables: PageTables, _ scratch: ScratchMemory, _ image: MemoryImage
    ) -> [GuestVirtualAddress] {
        var new: [GuestVirtualAddress] = []
        for table in tables.trackedTables
        where pal_has_unlisted_dirty(table.entries + table.window.lowerBound, table.window.count) {
            for index in table.window {
                let entry = PageTableEntry(rawValue: table.entries[index])
                guard entry.isDirty, entry.isWritable, !entry.isListed else { continue }
                let address = table.start + index * pageByteCount
                list(address, table.entries + index, scratch)
                new.append(address)
            }
        }
        if !new.isEmpty { rebuild(image) }
        return new
    }

    /// Puts pages on the list that the host wrote, or may have: no dirty bit says so.
    package func add(
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
        pageCount = pages.count
        version = TrackedPages.versions.wrappingAdd(1, ordering: .relaxed).newValue
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
        hasFileRuns = runs.contains(where: \.mayVanish)
    }

    // MARK: - Comparing

    /// The listed pages that do not hold what the image says.
    package func changed(from image: MemoryImage) -> [GuestVirtualAddress] {
        pages.filter { isChanged($0, from: image) }.map(\.address)
    }

    private func isChanged(_ page: Page, from image: MemoryImage) -> Bool {
        !PageComparison.isEqual(page.frame, image.pages.content(of: page.address))
    }

    /// Looks which pages have been written since the last rollback, and which have not.
    /// - Returns: how many pages have been clean for `rounds` looks or more.
    package func inspect(_ image: MemoryImage, rounds: Int) -> Int {
        var idle = 0
        for index in pages.indices {
            pages[index].idleCount = isChanged(pages[index], from: image) ? 0 : pages[index].idleCount + 1
            if pages[index].idleCount >= rounds { idle += 1 }
        }
        return idle
    }

    /// The pages that `inspect` has not found idle.
    func active(rounds: Int) -> [GuestVirtualAddress] {
        pages.filter { $0.idleCount < rounds }.map(\.address)
    }

    /// The list, in address order: addresses and bytes in scratch.
    package var contents: [(address: GuestVirtualAddress, bytes: UnsafeRawPointer)] {
        pages.map { ($0.address, UnsafeRawPointer($0.frame)) }
    }
}
