/// Text that a guest, its file or a store chose, made fit for logs, errors and terminals.
package enum GuestText {
    /// Control characters (C0, DEL, C1, line and paragraph separators) and format characters (bidirectional overrides
    /// among them) as `\u{..}`: a guest can neither forge a line of the host's nor move its cursor.
    package static func escaped(_ text: String) -> String {
        // Text may be megabytes, and most of it is plain: bytes are looked at, not characters.
        if text.utf8.allSatisfy(isPlain) { return text }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            if isFit(scalar) {
                bytes += scalar.utf8
            } else {
                append(escapeOf: scalar.value, to: &bytes)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func append(escapeOf value: UInt32, to bytes: inout [UInt8]) {
        bytes += "\\u{".utf8
        let digitCount = max(1, (UInt32.bitWidth - value.leadingZeroBitCount + 3) / 4)
        for place in (0..<digitCount).reversed() { bytes.append(digits[Int(value >> UInt32(4 * place) & 15)]) }
        bytes.append(UInt8(ascii: "}"))
    }

    /// The beginning of a text, escaped: at most `count` scalars of it. Characters would be no limit: one may be of any
    /// length.
    package static func excerpt(_ text: String, _ count: Int) -> String {
        escaped(String(text.unicodeScalars.prefix(count)))
    }

    private static func isPlain(_ byte: UInt8) -> Bool { 0x20 <= byte && byte < 0x7f }

    private static func isFit(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return isPlain(UInt8(truncatingIfNeeded: scalar.value)) }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .format, .surrogate: return false
        default: return true
        }
    }
}
