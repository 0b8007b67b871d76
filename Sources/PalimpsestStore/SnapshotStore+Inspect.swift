import GuestABI

/// Looking at what is there.
extension SnapshotStore {
    /// Everything in the index, in its order. Entries that cannot be read are listed without layers.
    /// - Throws: `SnapshotStoreError.unreadable`, `invalid`.
    public func list() throws(SnapshotStoreError) -> [StoreEntry] {
        // Any number of tags may mean the same manifest: it is read once.
        var known: [BlobIdentity: [SnapshotDescription.Layer]?] = [:]
        return try directory.index().manifests.map { entry in
            let identity = BlobIdentity(entry)
            let layers = known[identity] ?? (try? directory.snapshotManifest(entry))?.layerList
            known.updateValue(layers, forKey: identity)
            return StoreEntry(digest: entry.digest, tag: entry.tag, layers: layers)
        }
    }

    /// What a snapshot is, needs and offers.
    /// - Throws: `SnapshotStoreError`, as `load` does, but for what the processor lacks.
    public func inspect(_ reference: String) throws(SnapshotStoreError) -> SnapshotDescription {
        let entry = try directory.resolve(try SnapshotReference(reference))
        let manifest = try directory.snapshotManifest(entry)
        let config = try directory.snapshotConfig(manifest)
        let reader = SnapshotConfigReader(config: config, path: directory.name(manifest.config.digest))
        let files = try reader.files()
        let regions = try reader.regions(try reader.layout(), files)
        return SnapshotDescription(
            digest: entry.digest, tags: try directory.index().tags(of: entry.digest),
            layers: manifest.layerList,
            metadataByteCount: manifest.config.size + entry.size + (manifest.symbols?.size ?? 0),
            engineVersion: GuestText.escaped(config.engineVersion), abiVersion: config.abiVersion,
            architecture: GuestText.escaped(config.architecture), processorFeatures: try reader.processor().names,
            exports: try reader.exports(regions), requiredHostFunctions: try reader.hostFunctions(),
            mappedFiles: files.map(\.path), writeSetPageCount: try reader.writeSet(regions).count,
            hotPageCount: try reader.hotPages(regions).count)
    }

    /// The layers of all snapshots as trees: snapshots of one ancestor share its layers, which are there once.
    /// - Throws: `SnapshotStoreError.unreadable`, `invalid`.
    public func layerTrees() throws(SnapshotStoreError) -> [LayerNode] {
        var forest = LayerForest()
        for entry in try list() {
            guard let layers = entry.layers else { continue }
            forest.insert(layers[...], name: entry.tag ?? entry.digest.description)
        }
        return forest.nodes
    }

    /// Reads every blob of a snapshot and checks its digest.
    /// - Throws: `SnapshotStoreError`: what `load` with `verify: .digests` throws, but for what the machine lacks.
    public func verify(_ reference: String) throws(SnapshotStoreError) {
        try verify(try directory.resolve(try SnapshotReference(reference)))
    }

    /// Verifies every entry of the index, each blob once, and goes on after errors.
    /// - Returns: what is wrong, by the digest of the manifest; empty if nothing.
    public func verifyAll() throws(SnapshotStoreError) -> [BlobDigest: SnapshotStoreError] {
        var results: [BlobIdentity: Result<Void, SnapshotStoreError>] = [:]
        var entries: Set<BlobIdentity> = []
        var failures: [BlobDigest: SnapshotStoreError] = [:]
        for entry in try directory.index().manifests
        where failures[entry.digest] == nil && entries.insert(BlobIdentity(entry)).inserted {
            do throws(SnapshotStoreError) {
                try verify(entry, knowing: &results)
            } catch {
                failures[entry.digest] = error
            }
        }
        return failures
    }

    private func verify(_ entry: OCIDescriptor) throws(SnapshotStoreError) {
        var results: [BlobIdentity: Result<Void, SnapshotStoreError>] = [:]
        try verify(entry, knowing: &results)
    }

    /// - Parameter results: of blobs that have been read. Good and bad ones: each snapshot that needs a bad one is bad.
    private func verify(
        _ entry: OCIDescriptor, knowing results: inout [BlobIdentity: Result<Void, SnapshotStoreError>]
    ) throws(SnapshotStoreError) {
        guard entry.mediaType.isManifest else { return try BlobVerifier().verify(entry, in: directory) }
        let manifest = try directory.manifest(entry)
        if manifest.config.mediaType == .snapshotConfig {
            _ = try directory.snapshotManifest(entry)
            let config = try directory.snapshotConfig(manifest)
            let reader = SnapshotConfigReader(config: config, path: directory.name(manifest.config.digest))
            _ = try reader.exports(try reader.regions(try reader.layout(), try reader.files()))
        }
        let verifier = BlobVerifier()
        for blob in manifest.blobs {
            let result =
                results[BlobIdentity(blob)]
                ?? Result { () throws(SnapshotStoreError) in try verifier.verify(blob, in: directory) }
            results[BlobIdentity(blob)] = result
            try result.get()
        }
    }
}

/// What a descriptor says of a blob that reading it depends on.
private struct BlobIdentity: Hashable {
    let digest: BlobDigest
    let size: Int
    let mediaType: MediaType

    init(_ descriptor: OCIDescriptor) {
        (digest, size, mediaType) = (descriptor.digest, descriptor.size, descriptor.mediaType)
    }
}

extension OCIManifest {
    fileprivate var layerList: [SnapshotDescription.Layer] {
        snapshotLayers.map { .init(digest: $0.digest, byteCount: $0.size) }
    }
}
