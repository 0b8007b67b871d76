import CPalimpsest

/// A rollback by copies, worked out: which entries to look at for pages newly written, and what to copy where.
///
/// Good for as long as neither the page tables nor the list of written pages change. Following it is one pass in C over
/// two flat arrays: what a sandbox does between calls that keep writing the same pages.
final class RollbackPlan {
    private var windows = UnsafeMutableBufferPointer<pal_entry_window>(start: nil, count: 0)
    private var runs = UnsafeMutableBufferPointer<pal_copy_run>(start: nil, count: 0)
    /// What it was drawn for.
    private var version = AddressSpace.WrittenVersion.none

    deinit { discard() }

    /// Draws the plan anew if it is out of date.
    /// - Parameter memory: without file pages on its list, and few enough not to be streamed.
    func update(_ memory: AddressSpace) {
        guard memory.writtenVersion != version else { return }
        discard()
        windows = RollbackPlan.buffer(
            memory.tables.trackedTables.map {
                pal_entry_window(entries: $0.entries + $0.window.lowerBound, count: $0.window.count)
            })
        runs = RollbackPlan.buffer(
            memory.tracked.runs.map {
                pal_copy_run(destination: $0.destination, source: $0.source, count: $0.byteCount)
            })
        version = memory.writtenVersion
    }

    func discard() {
        version = .none
        windows.deallocate()
        runs.deallocate()
        windows = .init(start: nil, count: 0)
        runs = .init(start: nil, count: 0)
    }

    private static func buffer<Element>(_ elements: [Element]) -> UnsafeMutableBufferPointer<Element> {
        let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
        _ = buffer.initialize(from: elements)
        return buffer
    }

    /// Brings nearer what `follow` is going to read: for when a guest runs and there is nothing else to do.
    func prefetch() { pal_prefetch_copies(windows.baseAddress, windows.count, runs.baseAddress, runs.count) }

    /// Restores every written page, unless the plan is out of date or calls have written new ones: then it does
    /// nothing.
    /// - Parameter current: the memory's version. Not the memory itself: it would be retained, and letting go of it
    ///   waits for every byte that was copied (an atomic instruction empties the store buffer).
    func follow(_ current: AddressSpace.WrittenVersion) -> Bool {
        current == version
            && pal_copy_unless_dirty(windows.baseAddress, windows.count, runs.baseAddress, runs.count)
    }
}
