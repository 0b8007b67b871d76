import Synchronization

/// The snapshot pages that a warm-up call touched, in the order of first touch: a store puts them first, and brings
/// them into memory when it loads the snapshot.
final class HotPages: Sendable {
    /// 256 MiB of pages.
    static let limit = 1 << 16

    private let pages: Mutex<[GuestVirtualAddress]>

    init(_ pages: [GuestVirtualAddress] = []) { self.pages = Mutex(Array(pages.prefix(HotPages.limit))) }

    /// In place of what was recorded before.
    func replace(with new: [GuestVirtualAddress]) { pages.withLock { $0 = Array(new.prefix(HotPages.limit)) } }

    var all: [GuestVirtualAddress] { pages.withLock { $0 } }
    var count: Int { pages.withLock { $0.count } }
}
