/// A request target's path (RFC 3986 section 3.3), segment by segment.
enum PathSegments {
    /// One segment at least. Decoded after they are split: an encoded slash is a character of a name, not a separator.
    /// What comes behind `?` is left out.
    static func split(_ target: String) throws(Problem) -> [String] {
        let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }
        guard path.first == UInt8(ascii: "/") else {
            throw .invalidPath("Expected a path that starts with '/'.")
        }
        var segments: [String] = []
        for segment in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            segments.append(try decode(segment))
        }
        return segments
    }

    private static func decode(_ segment: Substring.UTF8View) throws(Problem) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(segment.count)
        var iterator = segment.makeIterator()
        while let byte = iterator.next() {
            if byte == UInt8(ascii: "%") {
                guard let high = digit(iterator.next()), let low = digit(iterator.next()) else {
                    throw .invalidPath("Expected two hexadecimal digits behind each '%'.")
                }
                bytes.append(high << 4 | low)
            } else {
                guard isAllowed(byte) else {
                    throw .invalidPath("Found byte 0x\(String(byte, radix: 16)), which has to be percent-encoded.")
                }
                bytes.append(byte)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .invalidPath("Found percent-encoded bytes that are not UTF-8.")
        }
        return text
    }

    private static func digit(_ byte: UInt8?) -> UInt8? {
        guard let byte else { return nil }
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): return byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): return byte - UInt8(ascii: "A") + 10
        default: return nil
        }
    }

    /// `pchar` but for `%`.
    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~!$&'()*+,;=:@".utf8.contains(byte)
        }
    }
}
