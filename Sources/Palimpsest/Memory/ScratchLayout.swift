/// Where everything is in a sandbox's scratch memory.
///
///     32 GiB
///     | exception stack | constants | mailbox | stack | pool: page tables, copied pages | bss | heap |
///       1 page            1 page      ......    ......  handed out a page at a time       ...   ....
///
/// What is zero-filled to begin with has its place from the start, so that a page of heap or stack needs no
/// bookkeeping: its frame, its *home*, follows from its address. A function of the sizes alone, so that page tables
/// built for one sandbox fit every other of the same sizes.
struct ScratchLayout: Equatable, Sendable {
    /// Sizes are in bytes, whole pages, and fit the 16 GiB that the guest-physical map has for scratch.
    struct Sizes: Equatable, Sendable {
        var mailbox: Int
        var stack: Int
        var zeroData: Int
        var heap: Int
        var pool: Int

        static let mailboxRange = 8 << 10...64 << 20
        static let stackRange = 16 << 10...64 << 20
        static let heapRange = 64 << 10...8 << 30
        static let poolRange = 1 << 20...4 << 30
        static let zeroDataRange = 0...GuestLayout.imageEnd - GuestLayout.imageStart
    }

    let sizes: Sizes
    let exceptionStack: GuestPhysicalAddress
    let constants: GuestPhysicalAddress
    let mailbox: GuestPhysicalAddress
    let stack: GuestPhysicalAddress
    let pool: Range<GuestPhysicalAddress>
    let zeroData: GuestPhysicalAddress
    let heap: GuestPhysicalAddress
    let end: GuestPhysicalAddress

    init(_ sizes: Sizes) {
        self.sizes = sizes
        var next = GuestLayout.scratchPhysical
        func place(_ byteCount: Int) -> GuestPhysicalAddress {
            defer { next = next + byteCount }
            return next
        }
        exceptionStack = place(pageByteCount)
        constants = place(pageByteCount)
        mailbox = place(sizes.mailbox)
        stack = place(sizes.stack)
        let poolStart = place(sizes.pool)
        pool = poolStart..<next
        zeroData = place(sizes.zeroData)
        heap = place(sizes.heap)
        end = next
    }

    var byteCount: Int { end - GuestLayout.scratchPhysical }
    func contains(_ address: GuestPhysicalAddress) -> Bool { GuestLayout.scratchPhysical <= address && address < end }
}
