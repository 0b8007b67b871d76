import GuestABI
import Palimpsest

/// What a store knows of a snapshot, without mapping it.
public struct SnapshotDescription: Sendable, Hashable {
    public struct Layer: Sendable, Hashable {
        public let digest: BlobDigest
        public let byteCount: Int
    }

    /// Of the manifest: a reference that never means anything else.
    public let digest: BlobDigest
    /// All tags that mean it, sorted.
    public let tags: [String]
    /// Bottom first.
    public let layers: [Layer]
    /// Bytes of config, manifest and symbols.
    public let metadataByteCount: Int
    public let engineVersion: String
    public let abiVersion: UInt32
    public let architecture: String
    /// Instruction set extensions it needs, by their names in /proc/cpuinfo.
    public let processorFeatures: [String]
    public let exports: [GuestExport]
    public let requiredHostFunctions: [HostFunctionRequirement]
    /// Paths of the host's files it has mapped: what `load` must allow.
    public let mappedFiles: [String]
    public let writeSetPageCount: Int
    public let hotPageCount: Int

    public var byteCount: Int { layers.reduce(0) { $0 + $1.byteCount } }
}

/// One entry of a store's index.
public struct StoreEntry: Sendable, Hashable {
    /// Of the manifest.
    public let digest: BlobDigest
    /// Nil for an entry without one.
    public let tag: String?
    /// Nil for what is no snapshot of a format this engine reads: a store may hold other things.
    public let layers: [SnapshotDescription.Layer]?

    public var byteCount: Int { layers?.reduce(0) { $0 + $1.byteCount } ?? 0 }
}

/// A layer and what is built on it.
public struct LayerNode: Sendable, Hashable {
    public let layer: SnapshotDescription.Layer
    /// Snapshots that end with this layer: their tags, or the digests of those without.
    public internal(set) var snapshots: [String] = []
    public internal(set) var children: [LayerNode] = []

    /// Bytes of this layer and everything on it.
    public var totalByteCount: Int { layer.byteCount + children.reduce(0) { $0 + $1.totalByteCount } }
    /// Snapshots that need this layer.
    public var snapshotCount: Int { snapshots.count + children.reduce(0) { $0 + $1.snapshotCount } }
}
