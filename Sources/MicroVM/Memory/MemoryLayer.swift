import Glibc
import Synchronization

/// Immutable pages with a place in guest-physical memory: one read-only slot of every sandbox that runs from them.
///
/// A layer is a part of a snapshot, in sealed memory or in a blob of a store, or a file that the embedder mapped.
package final class MemoryLayer: Sendable {
    /// Where the bytes are.
    package enum Source: Sendable {
        /// Sealed memory of this process: the bytes stay what they are.
        case sealed
        /// A file of a snapshot store, opened once. Others may still shorten it.
        case blob(path: String)
        /// A file that the embedder mapped at an address of its choice.
        case mapped(MappedFileIdentity)
    }

    package let segment: SharedMemorySegment
    package let place: GuestPhysicalAddress
    package let source: Source
    /// What whoever keeps layers elsewhere notes about this one: a snapshot store, how it lies there.
    package let annotation: Mutex<(any Sendable)?>

    package init(
        _ segment: SharedMemorySegment, at place: GuestPhysicalAddress, source: Source = .sealed,
        annotation: (any Sendable)? = nil
    ) {
        self.segment = segment
        self.place = place
        self.source = source
        self.annotation = Mutex(annotation)
    }

    // Machines that wait for another sandbox may have it in a slot, and would keep its memory.
    deinit { ShellCache.shared.release(segment) }

    /// What was mapped, if this is a file of the embedder's.
    package var file: MappedFileIdentity? {
        if case .mapped(let file) = source { file } else { nil }
    }

    /// Whether bytes can be gone when they are read, because a file was shortened: the host reads them with a guard
    /// (`pal_copy_guarded`), and of what it cannot read it says so.
    package var mayVanish: Bool {
        if case .sealed = source { false } else { true }
    }

    /// The file's path; nil for sealed memory, which cannot vanish.
    package var path: String? {
        switch source {
        case .sealed: nil
        case .blob(let path): path
        case .mapped(let file): file.path
        }
    }

    /// Whether the file has fewer bytes now than when it was mapped.
    package var isShortened: Bool {
        guard mayVanish else { return false }
        var status = stat()
        return fstat(segment.descriptor.rawValue, &status) != 0 || Int(status.st_size) < readableByteCount
    }

    package var byteCount: Int { segment.memory.count }
    /// Bytes that can be read from the descriptor: the last page of a mapped file may have fewer than a page.
    var readableByteCount: Int { file?.byteCount ?? byteCount }
    /// Where the next layer may start.
    package var nextPlace: GuestPhysicalAddress { MemoryLayer.place(behind: place, byteCount: byteCount) }

    /// Where a layer may start behind one of `byteCount` bytes at `place`.
    package static func place(behind place: GuestPhysicalAddress, byteCount: Int) -> GuestPhysicalAddress {
        let mask = UInt64(GuestLayout.layerAlignment - 1)
        return GuestPhysicalAddress(rawValue: (place.rawValue + UInt64(byteCount) + mask) & ~mask)
    }

    /// The layer's bytes from `offset` on. If they `mayVanish`, read them with a guard.
    package func bytes(at offset: Int) -> UnsafeRawPointer {
        UnsafeRawPointer(segment.memory.baseAddress.unsafelyUnwrapped) + offset
    }
}
