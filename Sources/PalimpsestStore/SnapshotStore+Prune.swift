import Glibc
import GuestABI
import SystemPackage

/// What a prune removed.
public struct PruneReport: Sendable, Hashable {
    public var blobCount = 0
    /// Files that writers left when they were killed.
    public var partialFileCount = 0
    public var byteCount = 0

    /// A sparse file may say that it has 2^63 bytes.
    fileprivate mutating func add(_ byteCount: Int) {
        let (sum, overflows) = self.byteCount.addingReportingOverflow(byteCount)
        self.byteCount = overflows ? Int.max : sum
    }
}

extension SnapshotStore {
    /// Removes all blobs that nothing in the index refers to, and what killed writers left behind.
    ///
    /// Waits until no save is under way; saves that begin meanwhile wait for it. Snapshots that are loaded keep their
    /// files open and go on.
    /// - Throws: `SnapshotStoreError.unknownReferences` if the index has entries of a kind whose references this engine
    ///   does not know; `blobMissing`, `invalid` and others if a manifest cannot be read; `unwritable`. Nothing has
    ///   been removed then, except that `unwritable` may come in the middle.
    @discardableResult
    public func prune() throws(SnapshotStoreError) -> PruneReport {
        let lock = try StoreLock(.removingBlobs, of: directory)
        defer { withExtendedLifetime(lock) {} }
        let indexLock = try StoreLock(.changingIndex, of: directory)
        defer { withExtendedLifetime(indexLock) {} }
        var references = References()
        for entry in try directory.index().manifests { try collect(entry, into: &references) }
        var report = PruneReport()
        for name in try StoreDirectory.names(in: directory.blobs, path: path) {
            // What is no blob by its name is not ours to remove.
            guard let digest = BlobDigest(hexadecimal: name), !references.blobs.contains(digest),
                let byteCount = try unlink(name, in: directory.blobs, directory.name(digest))
            else { continue }
            report.add(byteCount)
            report.blobCount += 1
        }
        for name in try StoreDirectory.names(in: directory.root, path: path)
        where name.hasPrefix(StoreDirectory.partialPrefix) {
            guard let byteCount = try unlink(name, in: directory.root, directory.name(name)) else { continue }
            report.add(byteCount)
            report.partialFileCount += 1
        }
        try directory.synchronize(directory.blobs)
        return report
    }

    private struct References {
        var blobs: Set<BlobDigest> = []
        /// Entries whose own references are among `blobs`. A set of its own, by type as well: the bytes of a manifest
        /// may be a layer of another one, and then are a blob whose references nobody has followed yet.
        var followed: Set<Followed> = []

        struct Followed: Hashable {
            let digest: BlobDigest
            let mediaType: MediaType
        }
    }

    /// Everything that an entry needs. Manifests are deeply nested in nobody's store but an attacker's.
    private func collect(
        _ entry: OCIDescriptor, into references: inout References, depth: Int = 0
    ) throws(SnapshotStoreError) {
        references.blobs.insert(entry.digest)
        let isNew = references.followed.insert(.init(digest: entry.digest, mediaType: entry.mediaType)).inserted
        guard isNew else { return }
        if entry.mediaType.isManifest {
            references.blobs.formUnion(try directory.manifest(entry).blobs.map(\.digest))
        } else if entry.mediaType.isIndex, depth < 4 {
            let bytes = try directory.read(entry, limit: StoreLimits.indexByteCount)
            let index = try JSONFile.decode(
                OCIIndex.self, from: bytes, path: directory.name(entry.digest),
                valueLimit: StoreLimits.indexValueCount)
            for entry in index.manifests { try collect(entry, into: &references, depth: depth + 1) }
        } else {
            throw .unknownReferences(digest: entry.digest, mediaType: GuestText.escaped(entry.mediaType.rawValue))
        }
    }

    /// - Returns: bytes the file had; nil for a folder, which nobody put there who writes stores, and for a name that
    ///   is gone, or is no text: neither may keep the rest from being removed.
    private func unlink(
        _ name: String, in folder: FileDescriptor, _ path: String
    ) throws(SnapshotStoreError) -> Int? {
        var status = stat()
        guard fstatat(folder.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return nil }
            throw .unwritable(path: path, reason: "\(Errno(rawValue: errno))")
        }
        if status.st_mode & S_IFMT == S_IFDIR { return nil }
        guard unlinkat(folder.rawValue, name, 0) == 0 else {
            throw .unwritable(path: path, reason: "\(Errno(rawValue: errno))")
        }
        return Int(status.st_size)
    }
}
