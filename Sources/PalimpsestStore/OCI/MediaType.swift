/// What a blob is (image-spec, media-types.md).
struct MediaType: RawRepresentable, Codable, Hashable, Sendable, CustomStringConvertible {
    let rawValue: String

    init(rawValue: String) { self.rawValue = rawValue }

    static let snapshotConfig = MediaType(rawValue: "application/vnd.palimpsest.snapshot.config.v1+json")
    static let snapshotLayer = MediaType(rawValue: "application/vnd.palimpsest.snapshot.layer.v1")
    static let snapshotSymbols = MediaType(rawValue: "application/vnd.palimpsest.snapshot.symbols.v1")
    /// All versions of the snapshot's config.
    static let snapshotConfigPrefix = "application/vnd.palimpsest.snapshot.config."

    static let ociManifest = MediaType(rawValue: "application/vnd.oci.image.manifest.v1+json")
    static let ociIndex = MediaType(rawValue: "application/vnd.oci.image.index.v1+json")
    static let dockerManifest = MediaType(rawValue: "application/vnd.docker.distribution.manifest.v2+json")
    static let dockerList = MediaType(rawValue: "application/vnd.docker.distribution.manifest.list.v2+json")

    /// Objects with a config and layers.
    var isManifest: Bool { self == .ociManifest || self == .dockerManifest }
    /// Objects that list manifests.
    var isIndex: Bool { self == .ociIndex || self == .dockerList }

    var description: String { rawValue }
}
