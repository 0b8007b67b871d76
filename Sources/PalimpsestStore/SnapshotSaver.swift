import CPalimpsest
import MicroVM
import Palimpsest

/// Writes a snapshot into a store.
///
///     1. every blob that is not there yet, under a name of its own       nothing to be seen of it
///     2. each renamed to its digest                                      blobs nobody refers to
///     3. index.json with the tag, by rename                              there
///
/// A failure in 1, which is where the disk fills up, leaves nothing. Nobody prunes meanwhile.
struct SnapshotSaver {
    let directory: StoreDirectory
    var progress: (@Sendable (SnapshotProgress) -> Void)?

    /// - Returns: the digest of the manifest.
    func save(_ snapshot: Snapshot, tag: String) throws(SnapshotStoreError) -> BlobDigest {
        let lock = try StoreLock(.addingBlobs, of: directory)
        defer { withExtendedLifetime(lock) {} }
        let layers = snapshot.memory.snapshotLayers
        var batch = BlobBatch(in: directory, progress: progress)
        let missing = layers.filter { layer in !(layer.stored.map(isThere) ?? false) }
        batch.totalByteCount = missing.reduce(0) { $0 + $1.byteCount }
        var stored: [StoredLayer] = []
        for layer in layers {
            stored.append(try save(layer, snapshot.memory, &batch))
        }
        let manifest = try manifest(snapshot, stored, &batch)
        let bytes = JSONFile.encode(manifest)
        guard bytes.count <= StoreLimits.manifestByteCount else {
            throw .tooLarge(what: "bytes of manifest", count: bytes.count, limit: StoreLimits.manifestByteCount)
        }
        let digest = try batch.add(bytes)
        try batch.place()
        let entry = OCIDescriptor(.ociManifest, digest, size: bytes.count, annotations: [OCIAnnotation.tag: tag])
        try directory.changeIndex { index throws(SnapshotStoreError) in index.replace(with: entry) }
        return digest
    }

    private func isThere(_ layer: StoredLayer) -> Bool { directory.byteCount(of: layer.digest) == layer.byteCount }

    private func save(
        _ layer: MemoryLayer, _ memory: MemoryImage, _ batch: inout BlobBatch
    ) throws(SnapshotStoreError) -> StoredLayer {
        let known = layer.stored
        if let known, isThere(known) { return known }
        let order = known.map { LayerOrder($0) } ?? LayerOrder(layer, hot: memory)
        let digest = try batch.add(layer, order, expecting: known?.digest)
        let stored = known ?? StoredLayer(digest: digest, byteCount: layer.byteCount, pieces: order.pieces)
        layer.stored = stored
        return stored
    }

    private func manifest(
        _ snapshot: Snapshot, _ stored: [StoredLayer], _ batch: inout BlobBatch
    ) throws(SnapshotStoreError) -> OCIManifest {
        let config = JSONFile.encode(try SnapshotConfig(snapshot, stored))
        guard config.count <= StoreLimits.configByteCount else {
            throw .tooLarge(what: "bytes of config", count: config.count, limit: StoreLimits.configByteCount)
        }
        var layers = stored.map { OCIDescriptor(.snapshotLayer, $0.digest, size: $0.byteCount) }
        let symbols = snapshot.program.symbols.table.blob(limit: StoreLimits.symbolsByteCount)
        if !symbols.isEmpty {
            layers.append(OCIDescriptor(.snapshotSymbols, try batch.add(symbols), size: symbols.count))
        }
        return OCIManifest(
            config: OCIDescriptor(.snapshotConfig, try batch.add(config), size: config.count), layers: layers,
            annotations: SnapshotSaver.annotations(snapshot))
    }

    /// For people and their tools (`skopeo inspect --raw`): nothing here is read back.
    private static func annotations(_ snapshot: Snapshot) -> [String: String] {
        let names = snapshot.exports.prefix(32).map(\.name).joined(separator: " ")
        return [
            OCIAnnotation.title: "Palimpsest snapshot",
            OCIAnnotation.description: "Warm state of a guest for the Palimpsest micro-VM engine; no container image",
            OCIAnnotation.version: EngineVersion.current.description,
            OCIAnnotation.formatVersion: "\(SnapshotConfig.formatVersion)",
            OCIAnnotation.abiVersion: "\(PAL_ABI_VERSION)",
            OCIAnnotation.architecture: SnapshotConfig.architecture,
            OCIAnnotation.exports: names + (snapshot.exports.count > 32 ? " ..." : ""),
        ]
    }
}

/// How far a save has come.
public struct SnapshotProgress: Sendable, Hashable {
    /// Bytes of layers written so far, of those that were not in the store.
    public let writtenByteCount: Int
    public let totalByteCount: Int
}
