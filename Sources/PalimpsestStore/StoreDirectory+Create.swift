import Glibc
import SystemPackage

/// Making a store.
extension StoreDirectory {
    /// Makes `path` a store, unless it is one. Several may do so at once.
    /// - Throws: `unwritable`; `notAStore` if there is something else.
    static func create(_ path: String) throws(SnapshotStoreError) {
        do throws(Errno) { try makeFolder(AT_FDCWD, path) } catch { throw .unwritable(path: path, reason: "\(error)") }
        if access("\(path)/\(OCILayout.fileName)", F_OK) == 0 { return }
        let names = try folderNames(path)
        // What another thread is making at this very moment is none of our business.
        let own = ["blobs", indexName, OCILayout.fileName]
        guard names.allSatisfy({ own.contains($0) || $0.hasPrefix(partialPrefix) }) else {
            throw .notAStore(path: path, reason: "it is a folder with other things in it")
        }
        try makeBlobFolders(path)
        let directory = try StoreDirectory(path)
        let lock = try StoreLock(.changingIndex, of: directory)
        defer { withExtendedLifetime(lock) {} }
        guard access("\(path)/\(OCILayout.fileName)", F_OK) != 0 else { return }
        try directory.synchronizeFolders()
        try directory.replace(indexName, with: JSONFile.encode(OCIIndex()))
        // Last: what has it is complete.
        try directory.replace(OCILayout.fileName, with: JSONFile.encode(OCILayout()))
    }

    /// In the folder itself, whatever a link in it says.
    private static func makeBlobFolders(_ path: String) throws(SnapshotStoreError) {
        do throws(Errno) {
            let root = try openFolder(AT_FDCWD, path, followsLinks: true)
            defer { try? root.close() }
            try makeFolder(root.rawValue, "blobs")
            let blobs = try openFolder(root.rawValue, "blobs", followsLinks: false)
            defer { try? blobs.close() }
            try makeFolder(blobs.rawValue, "sha256")
        } catch {
            throw .unwritable(path: path, reason: "\(error)")
        }
    }

    /// Has the names of the store's folders on the disk when it returns: each is in the one above it. That may be one
    /// that this process cannot open; then it is the file system's to keep.
    private func synchronizeFolders() throws(SnapshotStoreError) {
        for folder in [root, blobs] {
            guard let parent = try? StoreDirectory.openFolder(folder.rawValue, "..", followsLinks: false) else {
                continue
            }
            defer { try? parent.close() }
            try synchronize(parent)
        }
    }

    private static func makeFolder(_ parent: CInt, _ name: String) throws(Errno) {
        guard mkdirat(parent, name, 0o755) == 0 || errno == EEXIST else { throw Errno(rawValue: errno) }
    }

    private static func folderNames(_ path: String) throws(SnapshotStoreError) -> [String] {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .notAStore(path: path, reason: "\(Errno(rawValue: errno))") }
        let folder = FileDescriptor(rawValue: descriptor)
        defer { try? folder.close() }
        return try names(in: folder, path: path)
    }
}
