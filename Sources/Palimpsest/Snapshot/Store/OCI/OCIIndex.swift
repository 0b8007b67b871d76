/// `index.json`: what is in a store, and under which tags (image-spec, image-index.md and image-layout.md).
struct OCIIndex: Codable, Equatable, Sendable {
    var schemaVersion = 2
    var mediaType: MediaType? = .ociIndex
    var manifests: [OCIDescriptor] = []
    var annotations: [String: String]?

    func entries(tagged tag: String) -> [OCIDescriptor] { manifests.filter { $0.tag == tag } }
    func entries(of digest: BlobDigest) -> [OCIDescriptor] { manifests.filter { $0.digest == digest } }
    var tags: [String] { manifests.compactMap(\.tag).sorted() }

    /// Makes `entry` the one that its tag means.
    mutating func replace(with entry: OCIDescriptor) {
        manifests.removeAll { $0.tag == entry.tag && (entry.tag != nil || $0.digest == entry.digest) }
        manifests.append(entry)
    }
}
