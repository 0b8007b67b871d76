/// What names a snapshot in a store: a tag, or the digest of its manifest.
enum SnapshotReference: Equatable, Sendable {
    case tag(String)
    case digest(BlobDigest)

    /// - Throws: `invalidReference`.
    init(_ text: String) throws(SnapshotStoreError) {
        if let digest = BlobDigest(text) {
            self = .digest(digest)
        } else {
            self = .tag(try SnapshotReference.checkedTag(text))
        }
    }

    /// Tags are those that registries take (distribution-spec, "Pulling manifests"): what is saved can be pushed.
    static func checkedTag(_ text: String) throws(SnapshotStoreError) -> String {
        let first = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_".utf8)
        guard let start = text.utf8.first, text.utf8.count <= 128, first.contains(start),
            text.utf8.allSatisfy({ first.contains($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") })
        else { throw .invalidReference(reference: String(text.prefix(256))) }
        return text
    }
}
