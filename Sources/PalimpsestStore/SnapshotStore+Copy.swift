extension SnapshotStore {
    /// Copies a snapshot into another store, its digests checked on the way. Blobs that are there are not copied.
    /// - Parameter reference: a tag, or `sha256:` and the digest of a manifest.
    /// - Parameter other: the store that gets the snapshot.
    /// - Parameter tag: in the other store; the same one if `reference` is a tag and this is nil.
    /// - Parameter progress: called on this thread after every MiB copied.
    /// - Returns: the digest of the manifest, which is the same in both.
    /// - Throws: `SnapshotStoreError`; the other store is then as it was.
    @discardableResult
    public func copy(
        _ reference: String, to other: SnapshotStore, tag: String? = nil,
        progress: (@Sendable (SnapshotProgress) -> Void)? = nil
    ) throws(SnapshotStoreError) -> BlobDigest {
        let parsed = try SnapshotReference(reference)
        var newTag = try tag.map { text throws(SnapshotStoreError) in try SnapshotReference.checkedTag(text) }
        if newTag == nil, case .tag(let old) = parsed { newTag = old }
        let entry = try directory.resolve(parsed)
        let manifest = try directory.snapshotManifest(entry)
        let lock = try StoreLock(.addingBlobs, of: other.directory)
        defer { withExtendedLifetime(lock) {} }
        var batch = BlobBatch(in: other.directory, progress: progress)
        let blobs = manifest.blobs + [entry]
        let missing = blobs.filter { other.directory.byteCount(of: $0.digest) != $0.size }
        batch.totalByteCount = missing.reduce(0) { $0 + $1.size }
        for blob in blobs { try batch.add(blob, from: directory) }
        try batch.place()
        var copy = OCIDescriptor(entry.mediaType, entry.digest, size: entry.size)
        copy.annotations = newTag.map { [OCIAnnotation.tag: $0] }
        try other.directory.changeIndex { index throws(SnapshotStoreError) in index.replace(with: copy) }
        return entry.digest
    }
}
