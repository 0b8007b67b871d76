import CPalimpsest
import Glibc
import SystemPackage

/// A sandbox's private memory: one segment, one writable slot. Sparse: only pages that were touched cost memory.
package final class ScratchMemory {
    package let layout: ScratchLayout
    package let segment: SharedMemorySegment
    /// Nobody has used it before: its pages have yet to be allocated.
    private var isFresh = true

    /// Pages worth keeping when memory is cleared for the same sandbox, 1 MiB, and for another one, 48 KiB: what every
    /// sandbox of a small guest needs. A page kept and zeroed costs 0.05 us, one given back and had again 3 us; but
    /// whoever gets it holds it for good.
    static let keptPageCount = 256
    static let keptPageCountForOthers = 12

    init(_ layout: ScratchLayout) throws(MachineError) {
        self.layout = layout
        segment = try SharedMemorySegment.scratch(byteCount: layout.byteCount)
    }

    /// The pool's frames, `usedByteCount` of them taken already.
    func makePool(usedByteCount: Int = 0) -> FramePool {
        FramePool(frames: layout.pool, memory: host(layout.pool.lowerBound), usedByteCount: usedByteCount)
    }

    @inlinable package func contains(_ address: GuestPhysicalAddress) -> Bool { layout.contains(address) }

    /// The host's pointer to a scratch address.
    @inlinable package func host(_ address: GuestPhysicalAddress) -> UnsafeMutableRawPointer {
        precondition(contains(address), "\(address) is not in scratch")
        return segment.memory.baseAddress.unsafelyUnwrapped + (address - GuestLayout.scratchPhysical)
    }

    /// Copies bytes in. Into fresh memory by a system call: the kernel allocates the pages as it copies, which costs
    /// half of what faulting each of them in does.
    package func write(_ bytes: UnsafeRawBufferPointer, at address: GuestPhysicalAddress) {
        guard let source = bytes.baseAddress else { return }
        if isFresh {
            let offset = address - GuestLayout.scratchPhysical
            guard pwrite(segment.descriptor.rawValue, source, bytes.count, offset) != bytes.count else { return }
        }
        host(address).copyMemory(from: source, byteCount: bytes.count)
    }

    /// Zero-fills all of it, as if it were new. No virtual machine may have it in a slot meanwhile.
    ///
    /// The kernel is asked which pages exist (lseek(2), SEEK_DATA), so that none can be forgotten, whoever wrote it.
    /// - Throws: `MachineError`; the memory is of no use then.
    package func clear(keeping pageCount: Int) throws(MachineError) {
        isFresh = false
        let keptByteCount = pageCount * pageByteCount
        let result = pal_memfd_clear(
            segment.descriptor.rawValue, segment.memory.baseAddress.unsafelyUnwrapped, segment.byteCount, keptByteCount)
        guard result == 0 else { throw MachineError("clearing a memfd", Errno(rawValue: -result)) }
    }
}
