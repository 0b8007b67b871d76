import Synchronization

/// The pages that calls wrote, remembered with a snapshot: a new sandbox has copies of them before its first call.
///
/// Shared by every sandbox of the snapshot, on any thread. Sandboxes add to it when they first find a page written,
/// never in the steady state.
package final class WriteSet: Sendable {
    /// 4 MiB of pages, some 3 ms to copy: how dear a guest can make every later sandbox.
    package static let limit = 1024

    private let pages = Mutex<Set<GuestVirtualAddress>>([])

    package init(_ pages: some Sequence<GuestVirtualAddress> = []) { formUnion(pages) }

    package func formUnion(_ new: some Sequence<GuestVirtualAddress>) {
        pages.withLock { pages in
            for page in new where pages.count < WriteSet.limit { pages.insert(page) }
        }
    }

    package var count: Int { pages.withLock { $0.count } }
    /// In address order.
    package var sorted: [GuestVirtualAddress] { pages.withLock { $0 }.sorted() }
}
