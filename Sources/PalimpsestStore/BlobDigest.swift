import Crypto
import GuestABI

/// The name of bytes by their content: a SHA-256, as OCI writes it (image-spec, descriptor.md, "Digests").
///
/// Exists only in its one valid form, so that it may become part of a path.
public struct BlobDigest: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// 64 hexadecimal digits, lower case.
    public let hexadecimal: String

    static let prefix = "sha256:"

    /// `sha256:` and 64 hexadecimal digits in lower case; nil if it is anything else.
    public init?(_ text: String) {
        guard text.utf8.count == BlobDigest.prefix.utf8.count + 64, text.hasPrefix(BlobDigest.prefix) else {
            return nil
        }
        self.init(hexadecimal: String(text.dropFirst(BlobDigest.prefix.count)))
    }

    /// The digits alone, as a blob's file is called; nil if they are not 64 in lower case.
    init?(hexadecimal text: String) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let letters = UInt8(ascii: "a")...UInt8(ascii: "f")
        guard text.utf8.count == 64, text.utf8.allSatisfy({ digits.contains($0) || letters.contains($0) }) else {
            return nil
        }
        hexadecimal = text
    }

    init(_ digest: SHA256.Digest) {
        hexadecimal = HexadecimalBytes.text(Array(digest))
    }

    /// The digest of `bytes`.
    init(of bytes: some Collection<UInt8>) {
        var hash = SHA256()
        if bytes.withContiguousStorageIfAvailable({ hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }) == nil {
            hash.update(data: Array(bytes))
        }
        self.init(hash.finalize())
    }

    public var description: String { BlobDigest.prefix + hexadecimal }
    /// The first twelve digits: enough for a person.
    public var short: String { String(hexadecimal.prefix(12)) }

    public static func < (left: BlobDigest, right: BlobDigest) -> Bool { left.hexadecimal < right.hexadecimal }
}
