/// A JSON value that keeps its members' order and all 64 bits of its integers. Written by hand, because loading
/// Foundation takes longer than most calls.
package indirect enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case unsigned(UInt64)
    /// Not finite: written as a string, JSON has no such number.
    case number(Double)
    case string(String)
    case array([JSON])
    case members([Member])

    package struct Member: Equatable, Sendable {
        package let name: String
        package let value: JSON
    }

    package static func object(_ members: [(String, JSON)]) -> JSON {
        .members(members.map { Member(name: $0, value: $1) })
    }

    package static func integer(_ value: Int) -> JSON { .integer(Int64(value)) }
}

extension JSON: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral {
    package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
}

extension JSON {
    /// On one line, without spaces: for programs.
    package var compact: String {
        var text = ""
        writeCompact(to: &text)
        return text
    }

    private func writeCompact(to text: inout String) {
        switch self {
        case .array(let values):
            text += "["
            for (index, value) in values.enumerated() {
                text += index == 0 ? "" : ","
                value.writeCompact(to: &text)
            }
            text += "]"
        case .members(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                text += index == 0 ? "" : ","
                JSON.quote(member.name, to: &text)
                text += ":"
                member.value.writeCompact(to: &text)
            }
            text += "}"
        default: write(to: &text, indentation: "")
        }
    }
}

extension JSON: CustomStringConvertible {
    /// Indented by two spaces; short arrays of plain values on one line.
    package var description: String {
        var text = ""
        write(to: &text, indentation: "")
        return text
    }

    private func write(to text: inout String, indentation: String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += "\(value)"
        case .unsigned(let value): text += "\(value)"
        case .number(let value): text += value.isFinite ? "\(value)" : "\"\(value)\""
        case .string(let value): JSON.quote(value, to: &text)
        case .array(let values):
            if values.allSatisfy(\.isScalar) {
                text += "["
                for (index, value) in values.enumerated() {
                    text += index == 0 ? "" : ", "
                    value.write(to: &text, indentation: "")
                }
                text += "]"
            } else {
                JSON.writeLines(values, "[", "]", to: &text, indentation) { value, text, inner in
                    value.write(to: &text, indentation: inner)
                }
            }
        case .members(let members):
            if members.isEmpty {
                text += "{}"
                return
            }
            JSON.writeLines(members, "{", "}", to: &text, indentation) { member, text, inner in
                JSON.quote(member.name, to: &text)
                text += ": "
                member.value.write(to: &text, indentation: inner)
            }
        }
    }

    private var isScalar: Bool {
        switch self {
        case .array, .members: false
        default: true
        }
    }

    private static func writeLines<Element>(
        _ elements: [Element], _ open: String, _ close: String, to text: inout String, _ indentation: String,
        _ writeElement: (Element, inout String, String) -> Void
    ) {
        let inner = indentation + "  "
        text += open
        for (index, element) in elements.enumerated() {
            text += (index == 0 ? "\n" : ",\n") + inner
            writeElement(element, &text, inner)
        }
        text += "\n" + indentation + close
    }

    private static func quote(_ value: String, to text: inout String) {
        text += "\""
        defer { text += "\"" }
        guard needsEscapes(value) else {
            text += value
            return
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(value.utf8.count)
        var rest = value.utf8.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "\""): bytes += "\\\"".utf8
            case UInt8(ascii: "\\"): bytes += "\\\\".utf8
            case UInt8(ascii: "\n"): bytes += "\\n".utf8
            case UInt8(ascii: "\r"): bytes += "\\r".utf8
            case UInt8(ascii: "\t"): bytes += "\\t".utf8
            case ..<0x20, 0x7f: append(escapeOf: byte, to: &bytes)
            case firstByteOfC1:
                guard let next = rest.next() else { break }
                // The second byte of a control character is its number.
                if next < 0xa0 {
                    append(escapeOf: next, to: &bytes)
                } else {
                    bytes.append(byte)
                    bytes.append(next)
                }
            default: bytes.append(byte)
            }
        }
        text += String(decoding: bytes, as: UTF8.self)
    }

    /// How U+0080 to U+00BF begin in UTF-8; to U+009F, they are control characters.
    private static let firstByteOfC1: UInt8 = 0xc2

    private static let digits = Array("0123456789abcdef".utf8)

    /// `\u00XX`
    private static func append(escapeOf byte: UInt8, to bytes: inout [UInt8]) {
        bytes += "\\u00".utf8
        bytes.append(digits[Int(byte >> 4)])
        bytes.append(digits[Int(byte & 15)])
    }

    /// Whether `value` may have a character that is not written as it is. Bytes are looked at, not characters: text may
    /// be megabytes, and most has none.
    private static func needsEscapes(_ value: String) -> Bool {
        value.utf8.contains { $0 < 0x20 || $0 == 0x22 || $0 == 0x5c || $0 == 0x7f || $0 == firstByteOfC1 }
    }
}
