import GuestABI

/// What a blob is, how large, and under which digest (image-spec, descriptor.md).
struct OCIDescriptor: Codable, Hashable, Sendable {
    var mediaType: MediaType
    var digest: BlobDigest
    /// In bytes.
    var size: Int
    var urls: [String]?
    var annotations: [String: String]?
    var artifactType: String?
    var platform: OCIPlatform?

    init(_ mediaType: MediaType, _ digest: BlobDigest, size: Int, annotations: [String: String]? = nil) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.annotations = annotations
    }

    var tag: String? { annotations?[OCIAnnotation.tag] }

    /// Tags are bytes: a foreign store may have one that is only equivalent, such as U+212A for `K`.
    func hasTag(_ tag: String) -> Bool { self.tag?.hasBytes(of: tag) ?? false }
}

/// What an image runs on (image-spec, image-index.md): carried along, never looked at.
struct OCIPlatform: Codable, Hashable, Sendable {
    var architecture: String
    var os: String
    var osVersion: String?
    var osFeatures: [String]?
    var variant: String?

    enum CodingKeys: String, CodingKey {
        case architecture, os, variant
        case osVersion = "os.version"
        case osFeatures = "os.features"
    }
}

extension BlobDigest: Codable {
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let digest = BlobDigest(text) else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath,
                    debugDescription: "expected sha256: and 64 hexadecimal digits in lower case, found "
                        + "'\(GuestText.excerpt(text, 80))'"))
        }
        self = digest
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
