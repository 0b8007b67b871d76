/// A sandbox's private memory: one segment, one writable slot.
///
///     | exception stack | constants | mailbox | stack | bss | heap | pool: page tables, copied pages |
///       1 page            1 page      ......    ......  ...   ....   handed out a page at a time
///
/// Everything but the pool has its place from the start, so that a page of heap or stack needs no bookkeeping:
/// its frame follows from its address. Sparse: only pages that were touched cost memory.
final class ScratchMemory {
    let segment: SharedMemorySegment
    private let pool: Range<GuestPhysicalAddress>
    private var nextFrame: GuestPhysicalAddress
    let exceptionStack: GuestPhysicalAddress
    let constants: GuestPhysicalAddress
    let mailbox: GuestPhysicalAddress
    let stack: GuestPhysicalAddress
    let zeroData: GuestPhysicalAddress
    let heap: GuestPhysicalAddress

    /// Sizes are in bytes, whole pages, and fit the 16 GiB that the layout has for scratch.
    struct Sizes {
        var mailbox: Int
        var stack: Int
        var zeroData: Int
        var heap: Int
        var pool: Int
    }

    init(_ sizes: Sizes) throws(MachineError) {
        var next = GuestLayout.scratchPhysical
        func place(_ byteCount: Int) -> GuestPhysicalAddress {
            defer { next = next + byteCount }
            return next
        }
        exceptionStack = place(pageByteCount)
        constants = place(pageByteCount)
        mailbox = place(sizes.mailbox)
        stack = place(sizes.stack)
        zeroData = place(sizes.zeroData)
        heap = place(sizes.heap)
        let poolStart = place(sizes.pool)
        pool = poolStart..<next
        nextFrame = poolStart
        segment = try SharedMemorySegment.scratch(byteCount: next - GuestLayout.scratchPhysical)
    }

    /// A zero-filled frame from the pool; nil when the pool is used up.
    func allocateFrame() -> GuestPhysicalAddress? {
        guard nextFrame < pool.upperBound else { return nil }
        defer { nextFrame = nextFrame + pageByteCount }
        return nextFrame
    }

    func contains(_ address: GuestPhysicalAddress) -> Bool {
        GuestLayout.scratchPhysical <= address && address < pool.upperBound
    }

    /// The host's pointer to a scratch address.
    func host(_ address: GuestPhysicalAddress) -> UnsafeMutableRawPointer {
        precondition(contains(address), "\(address) is not in scratch")
        return segment.memory.baseAddress.unsafelyUnwrapped + (address - GuestLayout.scratchPhysical)
    }
}
