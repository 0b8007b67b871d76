/// A sandbox's private memory: one segment, one writable slot. Sparse: only pages that were touched cost memory.
final class ScratchMemory {
    let layout: ScratchLayout
    let segment: SharedMemorySegment

    init(_ layout: ScratchLayout) throws(MachineError) {
        self.layout = layout
        segment = try SharedMemorySegment.scratch(byteCount: layout.byteCount)
    }

    /// The pool's frames, `usedByteCount` of them taken already.
    func makePool(usedByteCount: Int = 0) -> FramePool {
        FramePool(frames: layout.pool, memory: host(layout.pool.lowerBound), usedByteCount: usedByteCount)
    }

    func contains(_ address: GuestPhysicalAddress) -> Bool { layout.contains(address) }

    /// The host's pointer to a scratch address.
    func host(_ address: GuestPhysicalAddress) -> UnsafeMutableRawPointer {
        precondition(contains(address), "\(address) is not in scratch")
        return segment.memory.baseAddress.unsafelyUnwrapped + (address - GuestLayout.scratchPhysical)
    }
}
