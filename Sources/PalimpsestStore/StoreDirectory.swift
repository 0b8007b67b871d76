import Glibc
import GuestABI
import SystemPackage

/// A store's folder, opened: whatever happens to its path, this is the folder that is read and written.
///
///     DIR/oci-layout
///     DIR/index.json             tags; locked by flock(2) of DIR while it is changed
///     DIR/blobs/sha256/<digest>  locked by flock(2): shared by those who add blobs, exclusive to prune
///     DIR/.partial-<random>      what is being written
///
/// Nothing in a store is trusted: links are not followed, only regular files are read, sizes are checked before a byte
/// is taken in (open(2), O_NOFOLLOW).
final class StoreDirectory: Sendable {
    let path: String
    let root: FileDescriptor
    let blobs: FileDescriptor

    static let indexName = "index.json"
    static let partialPrefix = ".partial-"

    /// Opens the store at `path`, which exists.
    /// - Throws: `notAStore`, `unreadable`, `invalid`.
    static func open(_ path: String) throws(SnapshotStoreError) -> StoreDirectory {
        let directory = try StoreDirectory(path)
        let bytes: [UInt8]
        do throws(SnapshotStoreError) {
            bytes = try directory.read(OCILayout.fileName, limit: StoreLimits.layoutByteCount)
        } catch .unreadable(_, let reason) {
            throw .notAStore(path: path, reason: "it has no readable oci-layout (\(reason))")
        }
        let name = directory.name(OCILayout.fileName)
        let layout = try JSONFile.decode(
            OCILayout.self, from: bytes, path: name, valueLimit: StoreLimits.layoutValueCount)
        guard layout.imageLayoutVersion == OCILayout().imageLayoutVersion else {
            throw .invalid(
                path: name, field: "imageLayoutVersion",
                reason: "expected \(OCILayout().imageLayoutVersion), found "
                    + "'\(GuestText.escaped(layout.imageLayoutVersion))'")
        }
        return directory
    }

    init(_ path: String) throws(SnapshotStoreError) {
        self.path = path
        do throws(Errno) {
            root = try StoreDirectory.openFolder(AT_FDCWD, path, followsLinks: true)
        } catch {
            throw .notAStore(path: path, reason: "it cannot be opened (\(error))")
        }
        do throws(Errno) {
            let parent = try StoreDirectory.openFolder(root.rawValue, "blobs", followsLinks: false)
            defer { try? parent.close() }
            blobs = try StoreDirectory.openFolder(parent.rawValue, "sha256", followsLinks: false)
        } catch {
            try? root.close()
            throw .notAStore(path: path, reason: "its folder blobs/sha256 cannot be opened (\(error))")
        }
    }

    deinit {
        try? root.close()
        try? blobs.close()
    }

    static func openFolder(
        _ parent: CInt, _ name: String, followsLinks: Bool
    ) throws(Errno) -> FileDescriptor {
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (followsLinks ? 0 : O_NOFOLLOW)
        let descriptor = openat(parent, name, flags)
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        return FileDescriptor(rawValue: descriptor)
    }

    // MARK: - Names, for errors

    func name(_ file: String) -> String { "\(path)/\(file)" }
    func name(_ digest: BlobDigest) -> String { "\(path)/blobs/sha256/\(digest.hexadecimal)" }

    // MARK: - Files

    /// The whole of a small file of the root.
    func read(_ file: String, limit: Int) throws(SnapshotStoreError) -> [UInt8] {
        let (descriptor, byteCount) = try open(root, file, name(file))
        defer { try? descriptor.close() }
        guard byteCount <= limit else {
            throw .fileTooLarge(path: name(file), byteCount: byteCount, limit: limit)
        }
        return try StoreDirectory.contents(descriptor, byteCount, name(file))
    }

    /// A blob, checked to be a regular file of that size.
    /// - Throws: `blobMissing`, `wrongSize`, `unreadable`.
    func open(_ blob: OCIDescriptor) throws(SnapshotStoreError) -> FileDescriptor {
        let (descriptor, byteCount) = try open(blob.digest)
        guard byteCount == blob.size else {
            try? descriptor.close()
            throw .wrongSize(path: name(blob.digest), expected: blob.size, found: byteCount)
        }
        return descriptor
    }

    func open(_ digest: BlobDigest) throws(SnapshotStoreError) -> (descriptor: FileDescriptor, byteCount: Int) {
        try open(blobs, digest.hexadecimal, name(digest))
    }

    /// The whole of a small blob, its digest checked.
    func read(_ blob: OCIDescriptor, limit: Int) throws(SnapshotStoreError) -> [UInt8] {
        guard blob.size <= limit else {
            throw .fileTooLarge(path: name(blob.digest), byteCount: blob.size, limit: limit)
        }
        let descriptor = try open(blob)
        defer { try? descriptor.close() }
        let bytes = try StoreDirectory.contents(descriptor, blob.size, name(blob.digest))
        let found = BlobDigest(of: bytes)
        guard found == blob.digest else {
            throw .wrongDigest(path: name(blob.digest), expected: blob.digest, found: found)
        }
        return bytes
    }

    /// Whether a small blob is there and is these bytes.
    func holds(_ bytes: [UInt8], as digest: BlobDigest) -> Bool {
        let blob = OCIDescriptor(.snapshotConfig, digest, size: bytes.count)
        guard let descriptor = try? open(blob) else { return false }
        defer { try? descriptor.close() }
        return (try? StoreDirectory.contents(descriptor, bytes.count, name(digest))) == bytes
    }

    /// A blob's size if it is there, as a regular file.
    func byteCount(of digest: BlobDigest) -> Int? {
        var status = stat()
        guard fstatat(blobs.rawValue, digest.hexadecimal, &status, AT_SYMLINK_NOFOLLOW) == 0,
            status.st_mode & S_IFMT == S_IFREG
        else { return nil }
        return Int(status.st_size)
    }

    private func open(
        _ folder: FileDescriptor, _ file: String, _ name: String
    ) throws(SnapshotStoreError) -> (descriptor: FileDescriptor, byteCount: Int) {
        // Non-blocking: a FIFO would wait for a writer otherwise. It means nothing to a regular file.
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
        let result = openat(folder.rawValue, file, flags)
        guard result >= 0 else {
            let error = Errno(rawValue: errno)
            if error == .noSuchFileOrDirectory, folder == blobs { throw .blobMissing(path: name) }
            throw .unreadable(path: name, reason: error == .tooManySymbolicLinkLevels ? "it is a link" : "\(error)")
        }
        let descriptor = FileDescriptor(rawValue: result)
        var status = stat()
        guard fstat(result, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            try? descriptor.close()
            throw .unreadable(path: name, reason: "it is no regular file")
        }
        return (descriptor, Int(status.st_size))
    }

    static func contents(
        _ descriptor: FileDescriptor, _ byteCount: Int, _ name: String
    ) throws(SnapshotStoreError) -> [UInt8] {
        do {
            let bytes = try [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
                while count < byteCount {
                    let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                    let read = try descriptor.read(fromAbsoluteOffset: Int64(count), into: rest)
                    if read == 0 { return }
                    count += read
                }
            }
            guard bytes.count == byteCount else {
                throw SnapshotStoreError.wrongSize(path: name, expected: byteCount, found: bytes.count)
            }
            return bytes
        } catch let error as SnapshotStoreError {
            throw error
        } catch {
            throw .unreadable(path: name, reason: "\(error)")
        }
    }

    /// Names in a folder of the store, `.` and `..` left out.
    static func names(in folder: FileDescriptor, path: String) throws(SnapshotStoreError) -> [String] {
        let copy = openat(folder.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else {
            throw .unreadable(path: path, reason: "\(Errno(rawValue: errno))")
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
