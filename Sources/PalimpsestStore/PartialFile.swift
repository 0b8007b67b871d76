import Glibc
import SystemPackage

/// A file of a store that is being written, under a name of its own until it is complete. Gone with its owner unless
/// it was put in place; what a killed process leaves, prune removes.
final class PartialFile {
    let descriptor: FileDescriptor
    private let directory: StoreDirectory
    private let name: String
    private var isInPlace = false

    /// - Throws: `unwritable`.
    init(in directory: StoreDirectory) throws(SnapshotStoreError) {
        self.directory = directory
        name = StoreDirectory.partialPrefix + String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let result = openat(directory.root.rawValue, name, flags, 0o644)
        guard result >= 0 else {
            throw .unwritable(path: directory.path, reason: "\(Errno(rawValue: errno))")
        }
        descriptor = FileDescriptor(rawValue: result)
    }

    deinit {
        if !isInPlace { unlinkat(directory.root.rawValue, name, 0) }
        try? descriptor.close()
    }

    /// Puts the file in its place, replacing a file or a link that is there; a device, FIFO or socket is nobody's to
    /// replace. The content is on the disk by then; the name is once the
    /// folder is synchronized.
    func move(to folder: FileDescriptor, _ target: String) throws(SnapshotStoreError) {
        var status = stat()
        if fstatat(folder.rawValue, target, &status, AT_SYMLINK_NOFOLLOW) == 0 {
            guard [S_IFREG, S_IFLNK].contains(status.st_mode & S_IFMT) else {
                throw .unwritable(path: directory.name(target), reason: "it is no regular file")
            }
        }
        guard renameat(directory.root.rawValue, name, folder.rawValue, target) == 0 else { throw failure }
        isInPlace = true
    }

    var failure: SnapshotStoreError {
        .unwritable(path: directory.name(name), reason: "\(Errno(rawValue: errno))")
    }

    func failure(_ error: Errno) -> SnapshotStoreError {
        .unwritable(path: directory.name(name), reason: "\(error)")
    }
}

extension StoreDirectory {
    /// Has a folder's names on the disk when it returns.
    func synchronize(_ folder: FileDescriptor) throws(SnapshotStoreError) {
        guard fsync(folder.rawValue) == 0 else {
            throw .unwritable(path: path, reason: "\(Errno(rawValue: errno))")
        }
    }
}
