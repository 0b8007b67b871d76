/// A manifest: a config and layers (image-spec, manifest.md).
struct OCIManifest: Codable, Equatable, Sendable {
    var schemaVersion = 2
    var mediaType: MediaType? = .ociManifest
    var config: OCIDescriptor
    var layers: [OCIDescriptor]
    var annotations: [String: String]?
}
