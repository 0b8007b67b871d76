/// Keys of annotations: OCI's own (image-spec, annotations.md) and ours.
enum OCIAnnotation {
    /// The tag of an entry of `index.json` (image-layout.md, "index.json file").
    static let tag = "org.opencontainers.image.ref.name"
    static let title = "org.opencontainers.image.title"
    static let description = "org.opencontainers.image.description"
    static let version = "org.opencontainers.image.version"

    static let formatVersion = "vnd.palimpsest.snapshot.format-version"
    static let abiVersion = "vnd.palimpsest.snapshot.abi-version"
    static let architecture = "vnd.palimpsest.snapshot.architecture"
    static let exports = "vnd.palimpsest.snapshot.exports"
}
