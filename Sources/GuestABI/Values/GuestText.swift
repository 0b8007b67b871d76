import MicroVM

/// Text that a guest, its file or a store chose, made fit for logs, errors and terminals.
package enum GuestText {
    /// Control characters (C0, DEL, C1, line and paragraph separators) and format characters (bidirectional overrides
    /// among them) as `\u{..}`: a guest can neither forge a line of the host's nor move its cursor.
    package static func escaped(_ text: String) -> String {
        // Text may be megabytes, and most of it is fit: that is copied as bytes, a stretch at a time.
        let utf8 = Array(text.utf8)
        var bytes: [UInt8] = []
        var copied = 0
        var place = 0
        while place < utf8.count {
            if isPlain[Int(utf8[place])] {
                place += 1
                continue
            }
            let (value, byteCount) = scalar(at: place, of: utf8)
            if !isFit(value) {
                bytes += utf8[copied..<place]
                append(escapeOf: value, to: &bytes)
                copied = place + byteCount
            }
            place += byteCount
        }
        return copied == 0 ? text : String(decoding: bytes + utf8[copied...], as: UTF8.self)
    }

    /// Which bytes are characters by themselves, and fit: nearly all there are.
    private static let isPlain = (0...UInt8.max).map { 0x20 <= $0 && $0 < 0x7f }

    /// The scalar that begins at `place` of valid UTF-8: its first byte says how many there are.
    private static func scalar(at place: Int, of utf8: [UInt8]) -> (value: UInt32, byteCount: Int) {
        let first = utf8[place]
        if first < 0x80 { return (UInt32(first), 1) }
        let byteCount = (~first).leadingZeroBitCount
        var value = UInt32(first & (0x7f >> UInt8(byteCount)))
        for byte in utf8[(place + 1)..<(place + byteCount)] { value = value << 6 | UInt32(byte & 0x3f) }
        return (value, byteCount)
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func append(escapeOf value: UInt32, to bytes: inout [UInt8]) {
        for character in ["\\", "u", "{"] as [Unicode.Scalar] { bytes.append(UInt8(ascii: character)) }
        let digitCount = max(1, (UInt32.bitWidth - value.leadingZeroBitCount + 3) / 4)
        for place in (0..<digitCount).reversed() { bytes.append(digits[Int(value >> UInt32(4 * place) & 15)]) }
        bytes.append(UInt8(ascii: "}"))
    }

    /// The beginning of a text, escaped: at most `count` scalars of it. Characters would be no limit: one may be of any
    /// length.
    package static func excerpt(_ text: String, _ count: Int) -> String {
        escaped(String(text.unicodeScalars.prefix(count)))
    }

    private static func isFit(_ value: UInt32) -> Bool {
        switch value {
        case 0..<0x20, 0x7f..<0xa0: return false
        // Latin to Hebrew; CJK and Hangul: nothing among them needs a look at Unicode's tables, which takes long.
        case 0xae..<0x600, 0x3000..<0xd800: return true
        default: break
        }
        switch Unicode.Scalar(value)?.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .format, .surrogate: return false
        default: return true
        }
    }
}
