import GuestABI
import MicroVM
import SystemPackage

/// The index of a store, and what it leads to.
extension StoreDirectory {
    func index() throws(SnapshotStoreError) -> OCIIndex {
        let bytes = try read(StoreDirectory.indexName, limit: StoreLimits.indexByteCount)
        let path = name(StoreDirectory.indexName)
        let index = try JSONFile.decode(
            OCIIndex.self, from: bytes, path: path, valueLimit: StoreLimits.indexValueCount)
        guard index.schemaVersion == 2 else {
            throw .invalid(path: path, field: "schemaVersion", reason: "expected 2, found \(index.schemaVersion)")
        }
        guard index.mediaType == nil || index.mediaType == .ociIndex else {
            throw .invalid(path: path, field: "mediaType", reason: "expected \(MediaType.ociIndex)")
        }
        for (position, entry) in index.manifests.enumerated() where entry.size < 0 {
            throw .invalid(path: path, field: "manifests[\(position)].size", reason: "it is negative")
        }
        return index
    }

    /// Changes the index: nobody else does meanwhile, and whoever reads it sees the old one or the new one.
    ///
    /// All blobs that the new one refers to must be in place; their names are on the disk before the index is.
    func changeIndex<Result>(
        _ change: (inout OCIIndex) throws(SnapshotStoreError) -> Result
    ) throws(SnapshotStoreError) -> Result {
        let lock = try StoreLock(.changingIndex, of: self)
        defer { withExtendedLifetime(lock) {} }
        let old = try index()
        var new = old
        let result = try change(&new)
        guard new != old else { return result }
        let bytes = JSONFile.encode(new)
        guard bytes.count <= StoreLimits.indexByteCount else {
            throw .fileTooLarge(
                path: name(StoreDirectory.indexName), byteCount: bytes.count, limit: StoreLimits.indexByteCount)
        }
        try replace(StoreDirectory.indexName, with: bytes, after: [blobs])
        return result
    }

    /// Puts a small file in place of the old one, by rename.
    /// - Parameter folders: what must be on the disk before.
    func replace(
        _ file: String, with bytes: [UInt8], after folders: [FileDescriptor] = []
    ) throws(SnapshotStoreError) {
        let partial = try PartialFile(in: self)
        do {
            try partial.descriptor.writeAll(bytes)
        } catch {
            throw partial.failure(error as? Errno ?? .ioError)
        }
        do throws(Errno) {
            try FileRing().synchronize([partial.descriptor] + folders)
        } catch {
            throw partial.failure(error)
        }
        try partial.move(to: root, file)
        try synchronize(root)
    }

    /// The descriptor of what a reference means.
    /// - Throws: `unknownReference`, `ambiguousTag`, `blobMissing`.
    func resolve(_ reference: SnapshotReference) throws(SnapshotStoreError) -> OCIDescriptor {
        let index = try index()
        switch reference {
        case .tag(let tag):
            let entries = index.entries(tagged: tag)
            guard entries.count <= 1 else { throw .ambiguousTag(tag: tag, path: path) }
            guard let entry = entries.first else {
                throw .unknownReference(reference: tag, path: path, available: index.tags)
            }
            return entry
        case .digest(let digest):
            if let entry = index.entries(of: digest).first { return entry }
            // Untagged, and not pruned yet.
            guard let byteCount = byteCount(of: digest) else {
                throw .unknownReference(reference: digest.description, path: path, available: index.tags)
            }
            return OCIDescriptor(.ociManifest, digest, size: byteCount)
        }
    }

    /// A manifest of a snapshot, checked.
    func snapshotManifest(_ entry: OCIDescriptor) throws(SnapshotStoreError) -> OCIManifest {
        guard entry.mediaType.isManifest else {
            throw .notASnapshot(
                reference: entry.digest.description, mediaType: GuestText.escaped(entry.mediaType.rawValue))
        }
        let manifest = try manifest(entry)
        let path = name(entry.digest)
        guard manifest.config.mediaType == .snapshotConfig else {
            let type = GuestText.escaped(manifest.config.mediaType.rawValue)
            if type.hasPrefix(MediaType.snapshotConfigPrefix) {
                throw .unsupportedFormat(path: path, found: type, supported: MediaType.snapshotConfig.rawValue)
            }
            throw .notASnapshot(reference: entry.digest.description, mediaType: type)
        }
        try check(manifest, path)
        return manifest
    }

    /// Any OCI manifest.
    func manifest(_ entry: OCIDescriptor) throws(SnapshotStoreError) -> OCIManifest {
        let bytes = try read(entry, limit: StoreLimits.manifestByteCount)
        let path = name(entry.digest)
        let manifest = try JSONFile.decode(
            OCIManifest.self, from: bytes, path: path, valueLimit: StoreLimits.manifestValueCount)
        guard manifest.schemaVersion == 2 else {
            throw .invalid(path: path, field: "schemaVersion", reason: "expected 2, found \(manifest.schemaVersion)")
        }
        guard manifest.mediaType == nil || manifest.mediaType == entry.mediaType else {
            throw .invalid(path: path, field: "mediaType", reason: "expected \(entry.mediaType)")
        }
        return manifest
    }

    private func check(_ manifest: OCIManifest, _ path: String) throws(SnapshotStoreError) {
        guard (1...StoreLimits.configByteCount).contains(manifest.config.size) else {
            throw .invalid(
                path: path, field: "config.size",
                reason: "expected 1 to \(StoreLimits.configByteCount), found \(manifest.config.size)")
        }
        let layers = manifest.snapshotLayers
        guard (1...StoreLimits.layerCount).contains(layers.count) else {
            throw .invalid(
                path: path, field: "layers",
                reason: "expected 1 to \(StoreLimits.layerCount) of type \(MediaType.snapshotLayer), found "
                    + "\(layers.count)")
        }
        for (index, layer) in manifest.layers.enumerated() {
            let field = "layers[\(index)]"
            switch layer.mediaType {
            case .snapshotLayer:
                guard index < layers.count else {
                    throw .invalid(path: path, field: field, reason: "layers come before symbols")
                }
                guard (pageByteCount...StoreLimits.layersByteCount).contains(layer.size), layer.size.isPageAligned
                else {
                    throw .invalid(
                        path: path, field: field + ".size",
                        reason: "expected \(pageByteCount) to \(StoreLimits.layersByteCount), a multiple of "
                            + "\(pageByteCount); found \(layer.size)")
                }
            case .snapshotSymbols:
                guard index == layers.count, (0...StoreLimits.symbolsByteCount).contains(layer.size) else {
                    throw .invalid(
                        path: path, field: field,
                        reason: "expected one blob of symbols of at most \(StoreLimits.symbolsByteCount) bytes")
                }
            default:
                throw .invalid(path: path, field: field + ".mediaType", reason: "expected \(MediaType.snapshotLayer)")
            }
        }
    }

    /// The config of a snapshot, its digest and its format checked.
    func snapshotConfig(_ manifest: OCIManifest) throws(SnapshotStoreError) -> SnapshotConfig {
        let path = name(manifest.config.digest)
        let bytes = try read(manifest.config, limit: StoreLimits.configByteCount)
        let config: SnapshotConfig
        do throws(SnapshotStoreError) {
            config = try JSONFile.decode(
                SnapshotConfig.self, from: bytes, path: path, valueLimit: StoreLimits.configValueCount)
        } catch {
            // A later format may lack what this one has: then that is the news.
            let version = try? JSONFile.decode(
                FormatVersion.self, from: bytes, path: path, valueLimit: StoreLimits.configValueCount)
            guard let version, version.formatVersion != SnapshotConfig.formatVersion else { throw error }
            throw SnapshotConfigReader.unsupported(version.formatVersion, path)
        }
        // Or have it all, and mean something else by it: nobody may take it for this one, be it to show it.
        guard config.formatVersion == SnapshotConfig.formatVersion else {
            throw SnapshotConfigReader.unsupported(config.formatVersion, path)
        }
        return config
    }

    private struct FormatVersion: Decodable { let formatVersion: Int }
}

extension OCIManifest {
    var snapshotLayers: [OCIDescriptor] { layers.filter { $0.mediaType == .snapshotLayer } }
    var symbols: OCIDescriptor? { layers.first { $0.mediaType == .snapshotSymbols } }
    /// Everything it needs.
    var blobs: [OCIDescriptor] { [config] + layers }
}
