/// Where everything is in a sandbox's scratch memory.
///
///     32 GiB
///     | exception stack | constants | mailbox | stack | pool: page tables, copied pages | bss | heap |
///       1 page            1 page      ......    ......  handed out a page at a time       ...   ....
///
/// What is zero-filled to begin with has its place from the start, so that a page of heap or stack needs no
/// bookkeeping: its frame, its *home*, follows from its address. A function of the sizes alone, so that page tables
/// built for one sandbox fit every other of the same sizes.
package struct ScratchLayout: Equatable, Sendable {
    /// Sizes are in bytes, whole pages, and fit the 16 GiB that the guest-physical map has for scratch.
    package struct Sizes: Equatable, Sendable {
        package var mailbox: Int
        package var stack: Int
        package var zeroData: Int
        package var heap: Int
        package var pool: Int

        package init(mailbox: Int, stack: Int, zeroData: Int, heap: Int, pool: Int) {
            self.mailbox = mailbox
            self.stack = stack
            self.zeroData = zeroData
            self.heap = heap
            self.pool = pool
        }

        package static let mailboxRange = 8 << 10...64 << 20
        package static let stackRange = 16 << 10...64 << 20
        package static let heapRange = 64 << 10...8 << 30
        package static let poolRange = 1 << 20...4 << 30
        package static let zeroDataRange = 0...GuestLayout.imageEnd - GuestLayout.imageStart
    }

    package let sizes: Sizes
    let exceptionStack: GuestPhysicalAddress
    package let constants: GuestPhysicalAddress
    package let mailbox: GuestPhysicalAddress
    package let stack: GuestPhysicalAddress
    package let pool: Range<GuestPhysicalAddress>
    package let zeroData: GuestPhysicalAddress
    package let heap: GuestPhysicalAddress
    package let end: GuestPhysicalAddress

    package init(_ sizes: Sizes) {
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

    package var byteCount: Int { end - GuestLayout.scratchPhysical }
    @inlinable package func contains(_ address: GuestPhysicalAddress) -> Bool {
        GuestLayout.scratchPhysical <= address && address < end
    }
}
