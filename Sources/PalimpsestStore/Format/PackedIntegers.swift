import FoundationEssentials
import MicroVM

/// Many small numbers in one JSON string: ULEB128 (as in DWARF and WebAssembly: seven bits a byte, lowest first, the
/// top bit says that another byte follows), then base64 (RFC 4648, with padding).
///
/// A page map of a hundred thousand runs is read in a millisecond this way; as JSON numbers it takes fifty.
struct PackedIntegers: Codable, Equatable, Sendable {
    private(set) var bytes: [UInt8] = []

    init() {}

    mutating func append(_ value: Int) {
        var rest = UInt64(max(0, value))
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// A number that may be negative: 0, -1, 1, -2, 2, ... as 0, 1, 2, 3, 4, ...
    mutating func append(signed value: Int) { append(value >= 0 ? value << 1 : ~value << 1 | 1) }

    init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let data = Data(base64Encoded: text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "it is no base64"))
        }
        bytes = Array(data)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Data(bytes).base64EncodedString())
    }

    /// Takes the numbers out again, in order: below 2^62, and no more than there are.
    struct Reader {
        /// The bytes end in the middle of a number, or a number is too large or longer than it need be.
        struct Malformed: Error {}

        private let bytes: [UInt8]
        private var offset = 0

        init(_ packed: PackedIntegers) { bytes = packed.bytes }

        var isAtEnd: Bool { offset == bytes.count }

        mutating func next() throws(Malformed) -> Untrusted<Int> { Untrusted(try number()) }

        mutating func nextSigned() throws(Malformed) -> Untrusted<Int> {
            let value = try number()
            return Untrusted(value & 1 == 0 ? value >> 1 : ~(value >> 1))
        }

        private mutating func number() throws(Malformed) -> Int {
            var value = 0
            var shift = 0
            while offset < bytes.count, shift < 62 {
                let byte = bytes[offset]
                offset += 1
                // The ninth byte's last bit would be the 63rd.
                guard shift < 56 || byte < 0x40 else { throw Malformed() }
                value |= Int(byte & 0x7f) << shift
                if byte & 0x80 == 0 {
                    guard byte != 0 || shift == 0 else { throw Malformed() }
                    return value
                }
                shift += 7
            }
            throw Malformed()
        }
    }
}
