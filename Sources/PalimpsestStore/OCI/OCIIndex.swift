import GuestABI

/// `index.json`: what is in a store, and under which tags (image-spec, image-index.md and image-layout.md).
struct OCIIndex: Codable, Equatable, Sendable {
    var schemaVersion = 2
    var mediaType: MediaType? = .ociIndex
    var manifests: [OCIDescriptor] = []
    var annotations: [String: String]?

    func entries(tagged tag: String) -> [OCIDescriptor] { manifests.filter { $0.hasTag(tag) } }
    func entries(of digest: BlobDigest) -> [OCIDescriptor] { manifests.filter { $0.digest == digest } }
    var tags: [String] { OCIIndex.tags(manifests) }
    func tags(of digest: BlobDigest) -> [String] { OCIIndex.tags(entries(of: digest)) }

    /// Sorted by bytes, as they are compared.
    private static func tags(_ entries: [OCIDescriptor]) -> [String] {
        entries.compactMap(\.tag).map(ByteName.init).sorted().map(\.text)
    }

    /// Makes `entry` the one that its tag means.
    mutating func replace(with entry: OCIDescriptor) {
        manifests.removeAll { other in
            if let tag = entry.tag { other.hasTag(tag) } else { other.tag == nil && other.digest == entry.digest }
        }
        manifests.append(entry)
    }
}
