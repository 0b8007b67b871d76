import Glibc
import SystemPackage

/// What a prune removed.
public struct PruneReport: Sendable, Hashable {
    public var blobCount = 0
    /// Files that writers left when they were killed.
    public var partialFileCount = 0
    public var byteCount = 0
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
        var referenced: Set<BlobDigest> = []
        for entry in try directory.index().manifests { try collect(entry, into: &referenced) }
        var report = PruneReport()
        for name in try StoreDirectory.names(in: directory.blobs, path: path) {
            // What is no blob by its name is not ours to remove.
            guard let digest = BlobDigest(hexadecimal: name), !referenced.contains(digest) else { continue }
            report.byteCount += try unlink(name, in: directory.blobs)
            report.blobCount += 1
        }
        for name in try StoreDirectory.names(in: directory.root, path: path)
        where name.hasPrefix(StoreDirectory.partialPrefix) {
            report.byteCount += try unlink(name, in: directory.root)
            report.partialFileCount += 1
        }
        try directory.synchronize(directory.blobs)
        return report
    }

    /// Everything that an entry needs. Manifests are deeply nested in nobody's store but an attacker's.
    private func collect(
        _ entry: OCIDescriptor, into referenced: inout Set<BlobDigest>, depth: Int = 0
    ) throws(SnapshotStoreError) {
        guard referenced.insert(entry.digest).inserted else { return }
        if entry.mediaType.isManifest {
            referenced.formUnion(try directory.manifest(entry).blobs.map(\.digest))
        } else if entry.mediaType.isIndex, depth < 4 {
            let bytes = try directory.read(entry, limit: StoreLimits.indexByteCount)
            let index = try JSONFile.decode(OCIIndex.self, from: bytes, path: directory.name(entry.digest))
            for entry in index.manifests { try collect(entry, into: &referenced, depth: depth + 1) }
        } else {
            throw .unknownReferences(digest: entry.digest, mediaType: GuestText.escaped(entry.mediaType.rawValue))
        }
    }

    /// - Returns: bytes the file had.
    private func unlink(_ name: String, in folder: FileDescriptor) throws(SnapshotStoreError) -> Int {
        var status = stat()
        guard fstatat(folder.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
            unlinkat(folder.rawValue, name, 0) == 0
        else { throw .unwritable(path: directory.name(name), reason: "\(Errno(rawValue: errno))") }
        return Int(status.st_size)
    }
}
