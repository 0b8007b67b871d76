import Glibc

/// A host and perhaps its port (RFC 3986 section 3.2, without a user).
struct Authority {
    enum Host: Equatable {
        case none
        /// An IPv4 or IPv6 address, as written.
        case address
        /// In lower case, without the dot that may end it.
        case name(String)
    }

    let host: Host

    init?(_ text: String) {
        let isBracketed = text.utf8.first == UInt8(ascii: "[")
        // In brackets, colons belong to the address.
        let start = isBracketed ? text.firstIndex(of: "]").map(text.index(after:)) : text.startIndex
        guard let start else { return nil }
        let colon = text[start...].firstIndex(of: ":") ?? text.endIndex
        guard Authority.isPort(text[colon...].dropFirst()) else { return nil }
        if isBracketed {
            guard start == colon, Authority.isIPv6(text[..<start].dropFirst().dropLast()) else { return nil }
            host = .address
        } else {
            guard let host = Authority.host(text[..<colon]) else { return nil }
            self.host = host
        }
    }

    private static func host(_ text: Substring) -> Host? {
        guard isName(text) else { return nil }
        var address = in_addr()
        if inet_pton(AF_INET, String(text), &address) == 1 { return .address }
        let name = text.lowercased()
        return name.isEmpty ? Host.none : .name(name.hasSuffix(".") ? String(name.dropLast()) : name)
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty || text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) && UInt16(text) != nil
    }

    private static func isIPv6(_ text: Substring) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, String(text), &address) == 1
    }

    /// `reg-name`: unreserved characters, sub-delimiters, and bytes of which each is `%` and two digits.
    private static func isName(_ text: Substring) -> Bool {
        var bytes = text.utf8.makeIterator()
        while let byte = bytes.next() {
            switch byte {
            case UInt8(ascii: "%"): guard isHexadecimal(bytes.next()), isHexadecimal(bytes.next()) else { return false }
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                break
            default: guard "-._~!$&'()*+,;=".utf8.contains(byte) else { return false }
            }
        }
        return true
    }

    private static func isHexadecimal(_ byte: UInt8?) -> Bool {
        byte.map { Character(Unicode.Scalar($0)).isHexDigit && $0 < 0x80 } ?? false
    }
}
