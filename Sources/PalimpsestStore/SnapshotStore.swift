import Glibc
import GuestABI
import Palimpsest
import SystemPackage

/// A folder of snapshots: an OCI image layout, which registries and their tools carry with no change.
///
///     let store = try SnapshotStore(at: "snapshots", create: true)
///     try store.save(snapshot, tag: "warm")
///     let sandbox = try Sandbox(from: try store.load("warm"))      // milliseconds, in any process
///
/// References are tags or `sha256:` digests of manifests. Any number of threads and processes may use a store at the
/// same time. What is read from a store is checked before it is used: it may be anybody's. The format is in
/// docs/snapshot-format.md.
public struct SnapshotStore: Sendable {
    /// Where it is.
    public let path: String
    let directory: StoreDirectory
    /// Where saves and loads are reported; nil is nowhere.
    public var telemetry: SandboxTelemetry?

    /// Opens a store.
    /// - Parameters:
    ///   - path: the store's folder.
    ///   - create: makes the folder a store if it does not exist or is empty.
    ///   - telemetry: where saves and loads are reported.
    /// - Throws: `SnapshotStoreError.notAStore`, `unreadable`, `unwritable`, `invalid`.
    public init(at path: String, create: Bool = false, telemetry: SandboxTelemetry? = nil) throws(SnapshotStoreError) {
        self.telemetry = telemetry
        if create { try StoreDirectory.create(path) }
        self.path = path
        directory = try StoreDirectory.open(path)
    }

    // MARK: - Save and load

    /// Writes a snapshot and gives it a tag, which may have meant another one until now.
    ///
    /// Layers that are there already, those of a parent for example, are not written again. When it returns, all is on
    /// the disk. Saving needs no sandbox to stop, and may go on on any thread.
    /// - Parameters:
    ///   - snapshot: any, loaded from this store or another one included.
    ///   - tag: letters, digits, `.`, `_` and `-`; at most 128.
    ///   - progress: called on this thread after every MiB written.
    /// - Returns: the digest of the manifest: a reference that never means anything else.
    /// - Throws: `SnapshotStoreError.invalidReference`, `unwritable` (no space, no permission), `tooLarge`;
    ///   `unreadable` or `wrongDigest` if a layer comes from another store's damaged file. The store is then as it was.
    @discardableResult
    public func save(
        _ snapshot: Snapshot, tag: String, progress: (@Sendable (SnapshotProgress) -> Void)? = nil
    ) throws(SnapshotStoreError) -> BlobDigest {
        let tag = try SnapshotReference.checkedTag(tag)
        let saver = SnapshotSaver(directory: directory, progress: progress)
        guard let telemetry else { return try saver.save(snapshot, tag: tag) }
        return try telemetry.saving(tag, in: path, snapshot) { () throws(SnapshotStoreError) in
            try saver.save(snapshot, tag: tag)
        }
    }

    /// Opens a snapshot: its layers are mapped, not read, so this takes milliseconds whatever their size.
    ///
    /// The files stay open, and may be removed from the store meanwhile. Should one become shorter, the calls that need
    /// what is gone end with `SandboxError.mappedFileUnreadable`.
    /// - Parameters:
    ///   - reference: a tag, or `sha256:` and the digest of a manifest.
    ///   - verify: `digests` reads all of it, and tells damage that `structure` cannot see.
    ///   - prefetch: has what the first call is going to touch read into the page cache.
    ///   - allowedFiles: paths of the host's files that the snapshot may have mapped. None unless they are named: a
    ///     snapshot of somebody else's could ask for any file.
    /// - Throws: `SnapshotStoreError`.
    public func load(
        _ reference: String, verify: SnapshotVerification = .structure, prefetch: Bool = true,
        allowedFiles: some Sequence<String> = []
    ) throws(SnapshotStoreError) -> Snapshot {
        let loader = SnapshotLoader(directory: directory, allowedFiles: Set(allowedFiles.map(ByteName.init)))
        let parsed = try SnapshotReference(reference)
        guard let telemetry else { return try loader.load(parsed, verify: verify, prefetch: prefetch) }
        return try telemetry.loading(reference, from: path) { () throws(SnapshotStoreError) in
            try loader.load(parsed, verify: verify, prefetch: prefetch)
        }
    }

    // MARK: - Tags

    /// Gives what `reference` means another tag, which may have meant something else until now.
    /// - Throws: `SnapshotStoreError.invalidReference`, `unknownReference`, `ambiguousTag`, `unwritable`.
    public func tag(_ reference: String, as tag: String) throws(SnapshotStoreError) {
        let reference = try SnapshotReference(reference)
        let tag = try SnapshotReference.checkedTag(tag)
        // Nobody may prune what the digest of an untagged snapshot leads to.
        let lock = try StoreLock(.addingBlobs, of: directory)
        defer { withExtendedLifetime(lock) {} }
        var entry = try directory.resolve(reference)
        _ = try directory.manifest(entry)
        entry.annotations = (entry.annotations ?? [:]).merging([OCIAnnotation.tag: tag]) { $1 }
        try directory.changeIndex { index throws(SnapshotStoreError) in index.replace(with: entry) }
    }

    /// Takes a tag away, or, given a digest, all tags of that snapshot. Its blobs stay until `prune`.
    /// - Throws: `SnapshotStoreError.invalidReference`, `unknownReference`, `unwritable`.
    public func remove(_ reference: String) throws(SnapshotStoreError) {
        let parsed = try SnapshotReference(reference)
        try directory.changeIndex { index throws(SnapshotStoreError) in
            let count = index.manifests.count
            switch parsed {
            case .tag(let tag): index.manifests.removeAll { $0.hasTag(tag) }
            case .digest(let digest): index.manifests.removeAll { $0.digest == digest }
            }
            guard index.manifests.count < count else {
                throw .unknownReference(reference: reference, path: path, available: index.tags)
            }
        }
    }
}
