import Glibc
import MicroVM
import Synchronization
import SystemPackage

/// The layers of stores that are mapped at the moment: snapshots of one parent, loaded each by itself, share its
/// layers, and so the memory slots of recycled virtual machines.
final class LayerCache: Sendable {
    static let shared = LayerCache()

    /// A file that is open is not mistaken for another: its inode is taken.
    private struct Key: Hashable {
        let device: UInt64
        let inode: UInt64
        let digest: BlobDigest
        let place: GuestPhysicalAddress
    }

    private struct Entry {
        weak var layer: MemoryLayer?
    }

    private let entries = Mutex<[Key: Entry]>([:])

    /// The layer a descriptor stands for, mapped now if nobody has it.
    func layer(
        _ descriptor: OCIDescriptor, at place: GuestPhysicalAddress, in directory: StoreDirectory
    ) throws(SnapshotStoreError) -> MemoryLayer {
        let file = try directory.open(descriptor)
        var status = stat()
        fstat(file.rawValue, &status)
        let key = Key(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), digest: descriptor.digest, place: place)
        if let layer = entries.withLock({ $0[key]?.layer }) {
            try? file.close()
            return layer
        }
        let segment: SharedMemorySegment
        do throws(MachineError) {
            segment = try SharedMemorySegment.file(adopting: file, byteCount: descriptor.size)
        } catch {
            throw .machine(error)
        }
        let layer = MemoryLayer(
            segment, at: place, source: .blob(path: directory.name(descriptor.digest)),
            annotation: StoredLayer(digest: descriptor.digest, byteCount: descriptor.size))
        entries.withLock { entries in
            // Now and then, those that are gone are cleared away: the table does not outgrow what is in use by much.
            if entries.count >= 64, entries.count.nonzeroBitCount == 1 { entries = entries.filter { $1.layer != nil } }
            entries[key] = Entry(layer: layer)
        }
        return layer
    }
}
