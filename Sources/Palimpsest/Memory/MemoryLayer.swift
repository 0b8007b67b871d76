import Synchronization

/// Immutable pages with a place in guest-physical memory: one read-only slot of every sandbox that runs from them.
///
/// A layer is a part of a snapshot, or a mapped file.
final class MemoryLayer: Sendable {
    let segment: SharedMemorySegment
    let place: GuestPhysicalAddress
    /// What was mapped, if this is a file; nil for sealed memory.
    let file: MappedFileIdentity?

    init(_ segment: SharedMemorySegment, at place: GuestPhysicalAddress, file: MappedFileIdentity? = nil) {
        self.segment = segment
        self.place = place
        self.file = file
    }

    deinit { MemoryLayer.whenReleased.withLock { $0 }?(segment) }

    /// Called with the memory of every layer that nobody needs any more, so that whoever keeps it for later lets go.
    static let whenReleased = Mutex<(@Sendable (SharedMemorySegment) -> Void)?>(nil)

    var byteCount: Int { segment.memory.count }
    /// Where the next layer may start.
    var nextPlace: GuestPhysicalAddress {
        let mask = UInt64(GuestLayout.layerAlignment - 1)
        return GuestPhysicalAddress(rawValue: (place.rawValue + UInt64(byteCount) + mask) & ~mask)
    }

    /// The layer's bytes from `offset` on. A file's may be gone by now: read those with a guard (`pal_copy_guarded`).
    func bytes(at offset: Int) -> UnsafeRawPointer {
        UnsafeRawPointer(segment.memory.baseAddress.unsafelyUnwrapped) + offset
    }
}
