import Synchronization

/// The snapshot pages that a warm-up call touched, in the order of first touch: a store puts them first, and brings
/// them into memory when it loads the snapshot.
package final class HotPages: Sendable {
    /// 256 MiB of pages.
    package static let limit = 1 << 16

    private let pages: Mutex<[GuestVirtualAddress]>

    package init(_ pages: [GuestVirtualAddress] = []) { self.pages = Mutex(Array(pages.prefix(HotPages.limit))) }

    /// In place of what was recorded before.
    package func replace(with new: [GuestVirtualAddress]) { pages.withLock { $0 = Array(new.prefix(HotPages.limit)) } }

    package var all: [GuestVirtualAddress] { pages.withLock { $0 } }
    package var count: Int { pages.withLock { $0.count } }
}
