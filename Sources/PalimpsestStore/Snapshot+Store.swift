import Palimpsest

/// Snapshots and the disk, in one line each. Whoever does more with a store uses `SnapshotStore`.
extension Snapshot {
    /// Writes this snapshot into the store at `directory`, which is made if there is none: see `SnapshotStore.save`.
    @discardableResult
    public func save(
        to directory: String, tag: String, progress: (@Sendable (SnapshotProgress) -> Void)? = nil
    ) throws(SnapshotStoreError) -> BlobDigest {
        _ = try SnapshotReference.checkedTag(tag)
        return try SnapshotStore(at: directory, create: true).save(self, tag: tag, progress: progress)
    }

    /// Opens a snapshot of the store at `directory`: see `SnapshotStore.load`.
    /// - Parameter directory: the store's folder.
    /// - Parameter reference: a tag, or `sha256:` and the digest of its manifest.
    /// - Parameter verify: how much of the snapshot is read to find damage.
    /// - Parameter prefetch: has what the first call is going to touch read into the page cache.
    /// - Parameter allowedFiles: paths of the host's files that the snapshot may have mapped.
    public convenience init(
        loading directory: String, reference: String, verify: SnapshotVerification = .structure,
        prefetch: Bool = true, allowedFiles: some Sequence<String> = []
    ) throws(SnapshotStoreError) {
        let loaded = try SnapshotStore(at: directory)
            .load(reference, verify: verify, prefetch: prefetch, allowedFiles: allowedFiles)
        self.init(
            memory: loaded.memory, program: loaded.program, requiredHostFunctions: loaded.requiredHostFunctions,
            processor: loaded.processor)
    }
}
