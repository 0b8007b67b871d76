import Glibc
import SystemPackage

/// A lock on a folder of a store (flock(2)): excludes other threads as well as other processes, and goes with its
/// holder, however that ends.
///
/// Whoever takes both locks takes the blobs' first.
final class StoreLock {
    enum Kind {
        /// Held while blobs are added: nobody prunes meanwhile.
        case addingBlobs
        /// Held while blobs are removed: nobody adds any.
        case removingBlobs
        /// Held while `index.json` is read, changed and replaced.
        case changingIndex
    }

    private let descriptor: FileDescriptor

    /// Waits for the lock.
    /// - Throws: `unwritable` if the file system has no locks.
    init(_ kind: Kind, of directory: StoreDirectory) throws(SnapshotStoreError) {
        let folder = kind == .changingIndex ? directory.root : directory.blobs
        // Opened anew: a lock belongs to what open(2) returned, and the folder's descriptor is everybody's.
        let result = openat(folder.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard result >= 0 else { throw StoreLock.failure(directory) }
        descriptor = FileDescriptor(rawValue: result)
        let operation = kind == .addingBlobs ? LOCK_SH : LOCK_EX
        while flock(result, operation) != 0 {
            guard errno == EINTR else {
                let error = StoreLock.failure(directory)
                try? descriptor.close()
                throw error
            }
        }
    }

    deinit { try? descriptor.close() }

    private static func failure(_ directory: StoreDirectory) -> SnapshotStoreError {
        .unwritable(path: directory.path, reason: "it cannot be locked (\(Errno(rawValue: errno)))")
    }
}
