import NIOHTTP1

/// A request line in the form that RFC 9112 section 3 gives it. Looked at only when the parser has refused it: whether
/// the server lacks what is asked for, or the client cannot write, the parser does not tell.
struct RequestLine {
    let method: String
    private let version: String

    /// - Parameter bytes: without the LF at its end.
    init?(_ bytes: [UInt8]) {
        let line = bytes.last == 0x0d ? bytes.dropLast() : bytes[...]
        guard line.allSatisfy({ (0x20...0x7e).contains($0) }) else { return nil }
        let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3, !words[1].isEmpty, RequestLine.isToken(words[0]), RequestLine.isVersion(words[2])
        else { return nil }
        method = String(decoding: words[0], as: UTF8.self)
        version = String(decoding: words[2], as: UTF8.self)
    }

    /// What the server has not got; nil if something else is wrong.
    func problem(_ error: HTTPParserError) -> Problem? {
        // RFC 9110 section 15.6.6.
        guard version == "HTTP/1.1" || version == "HTTP/1.0" else { return .unsupportedVersion(version) }
        // RFC 9110 section 9.1. The parser knows some methods as those of other protocols, hence the second error.
        return error == .invalidMethod || error == .invalidConstant ? .unknownMethod(method) : nil
    }

    /// RFC 9110 section 5.6.2.
    private static func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy { byte in
                let isLetter = (0x61...0x7a).contains(byte | 0x20)
                return isLetter || isDigit(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }

    /// Section 2.3: `HTTP/`, a digit, a dot, a digit.
    private static func isVersion(_ bytes: ArraySlice<UInt8>) -> Bool {
        let number = bytes.dropFirst(5)
        return bytes.starts(with: "HTTP/".utf8) && number.count == 3 && number.first.map(isDigit) == true
            && number.dropFirst().first == UInt8(ascii: ".") && number.last.map(isDigit) == true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
