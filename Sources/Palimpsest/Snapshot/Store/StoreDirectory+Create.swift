import Glibc
import SystemPackage

/// Making a store.
extension StoreDirectory {
    /// Makes `path` a store, unless it is one. Several may do so at once.
    /// - Throws: `unwritable`; `notAStore` if there is something else.
    static func create(_ path: String) throws(SnapshotStoreError) {
        try makeFolder(AT_FDCWD, path, path)
        if access("\(path)/\(OCILayout.fileName)", F_OK) == 0 { return }
        let names = try folderNames(path)
        // What another thread is making at this very moment is none of our business.
        let own = ["blobs", indexName, OCILayout.fileName]
        guard names.allSatisfy({ own.contains($0) || $0.hasPrefix(partialPrefix) }) else {
            throw .notAStore(path: path, reason: "it is a folder with other things in it")
        }
        try makeFolder(AT_FDCWD, "\(path)/blobs", path)
        try makeFolder(AT_FDCWD, "\(path)/blobs/sha256", path)
        let directory = try StoreDirectory(path)
        let lock = try StoreLock(.changingIndex, of: directory)
        defer { withExtendedLifetime(lock) {} }
        guard access("\(path)/\(OCILayout.fileName)", F_OK) != 0 else { return }
        try directory.replace(indexName, with: JSONFile.encode(OCIIndex()))
        // Last: what has it is complete.
        try directory.replace(OCILayout.fileName, with: JSONFile.encode(OCILayout()))
    }

    private static func makeFolder(_ parent: CInt, _ name: String, _ path: String) throws(SnapshotStoreError) {
        guard mkdirat(parent, name, 0o755) == 0 || errno == EEXIST else {
            throw .unwritable(path: path, reason: "\(Errno(rawValue: errno))")
        }
    }

    private static func folderNames(_ path: String) throws(SnapshotStoreError) -> [String] {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .notAStore(path: path, reason: "\(Errno(rawValue: errno))") }
        let folder = FileDescriptor(rawValue: descriptor)
        defer { try? folder.close() }
        return try names(in: folder, path: path)
    }
}
