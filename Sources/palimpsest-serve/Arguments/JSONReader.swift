/// Reads one JSON value (RFC 8259) from bytes that may be anybody's.
///
/// Strict: UTF-8 without a byte order mark, no lone surrogates, no duplicate anything to interpret, nothing behind the
/// value. What could take much memory or stack from few bytes has a limit.
struct JSONReader {
    /// Arrays and objects within each other.
    static let depthLimit = 16
    /// Values of any kind, altogether: no function takes anywhere near as many arguments.
    static let valueLimit = 1_024
    /// Characters of a number: any 64-bit integer, and any double in full.
    static let numberLimit = 1_100

    private let bytes: [UInt8]
    private var offset = 0
    private var valueCount = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func read(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
        var reader = JSONReader(bytes)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.offset == bytes.count else { throw reader.error("the end") }
        return value
    }

    // MARK: - Values

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        skipSpace()
        valueCount += 1
        guard valueCount <= JSONReader.valueLimit else {
            throw error("at most \(JSONReader.valueLimit) values", found: "more")
        }
        switch current {
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"): return .number(try number())
        case .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return .number(try number())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: throw error("a value")
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        try enter(depth)
        var values: [JSONValue] = []
        skipSpace()
        if take("]") { return .array(values) }
        repeat {
            values.append(try value(depth: depth))
            skipSpace()
        } while take(",")
        guard take("]") else { throw error("',' or ']'") }
        return .array(values)
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        try enter(depth)
        skipSpace()
        if take("}") { return .object }
        repeat {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw error("a member's name") }
            _ = try string()
            skipSpace()
            guard take(":") else { throw error("':'") }
            _ = try value(depth: depth)
            skipSpace()
        } while take(",")
        guard take("}") else { throw error("',' or '}'") }
        return .object
    }

    private mutating func enter(_ depth: Int) throws(JSONError) {
        guard depth <= JSONReader.depthLimit else {
            throw error("at most \(JSONReader.depthLimit) arrays and objects within each other", found: "more")
        }
        offset += 1
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let end = offset + text.utf8CodeUnitCount
        let isThere = text.withUTF8Buffer { end <= bytes.count && bytes[offset..<end].elementsEqual($0) }
        guard isThere else { throw error("\(text)") }
        offset = end
        return value
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    private mutating func number() throws(JSONError) -> String {
        let start = offset
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
        guard offset - start <= JSONReader.numberLimit else {
            throw error("a number of at most \(JSONReader.numberLimit) characters", found: "\(offset - start)")
        }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private mutating func digits() throws(JSONError) {
        let start = offset
        while let byte = current, UInt8(ascii: "0") <= byte, byte <= UInt8(ascii: "9") { offset += 1 }
        guard offset > start else { throw error("a digit") }
    }

    // MARK: - Strings

    private mutating func string() throws(JSONError) -> String {
        offset += 1
        let start = offset
        while let byte = current, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { offset += 1 }
        if current == UInt8(ascii: "\\") { return try escapedString(from: start) }
        guard current == UInt8(ascii: "\"") else { throw error("'\"'") }
        let text = try text(bytes[start..<offset], from: start)
        offset += 1
        return text
    }

    /// The slow way: some of it is escapes.
    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var content = Array(bytes[start..<offset])
        while let byte = current, byte >= 0x20 {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""): return try text(content[...], from: start)
            case UInt8(ascii: "\\"): try escape(into: &content)
            default: content.append(byte)
            }
        }
        throw error("'\"'")
    }

    private func text(_ content: ArraySlice<UInt8>, from start: Int) throws(JSONError) -> String {
        guard let text = String(validating: content, as: UTF8.self) else {
            throw JSONError(offset: start, expected: "a string in UTF-8", found: "other bytes")
        }
        return text
    }

    /// Adds what comes behind a backslash, as UTF-8.
    private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
        guard let byte = current else { throw error("an escape") }
        let plain: UInt8?
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = byte
        case UInt8(ascii: "b"): plain = 0x08
        case UInt8(ascii: "f"): plain = 0x0c
        case UInt8(ascii: "n"): plain = 0x0a
        case UInt8(ascii: "r"): plain = 0x0d
        case UInt8(ascii: "t"): plain = 0x09
        default: plain = nil
        }
        if let plain {
            offset += 1
            content.append(plain)
            return
        }
        guard take("u") else { throw error("an escape: one of \" \\ / b f n r t u") }
        content += Unicode.UTF8.encode(try escapedScalar()) ?? Unicode.UTF8.encodedReplacementCharacter
    }

    /// `XXXX`, or `XXXX\uXXXX` for two surrogates.
    private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
        let start = offset
        let first = try fourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xdc00, take("\\"), take("u") {
            let second = try fourDigits()
            if (0xdc00...0xdfff).contains(second),
                let scalar = Unicode.Scalar(0x1_0000 + (first - 0xd800) << 10 + (second - 0xdc00))
            {
                return scalar
            }
        }
        throw JSONError(offset: start, expected: "a character, or two surrogates", found: "a lone surrogate")
    }

    private mutating func fourDigits() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = JSONReader.digit(byte) else { throw error("a hexadecimal digit") }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    // MARK: - Bytes

    private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { offset += 1 }
    }

    private func error(_ expected: String, found: String? = nil) -> JSONError {
        let here: String =
            switch current {
            case nil: "the end"
            case .some(let byte) where (0x21...0x7e).contains(byte): "'\(Character(Unicode.Scalar(byte)))'"
            case .some(let byte): "byte 0x\(String(byte, radix: 16))"
            }
        return JSONError(offset: offset, expected: expected, found: found ?? here)
    }
}
