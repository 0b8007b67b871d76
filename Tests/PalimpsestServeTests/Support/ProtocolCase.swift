import Testing

/// Bytes of a client, and what HTTP has a server do with them.
struct ProtocolCase: Sendable, CustomTestStringConvertible {
    /// What becomes of the connection behind the last answer.
    enum Afterwards {
        case goesOn
        case ends
    }

    /// Where it is said: RFC 9112, unless another number stands in front.
    let section: String
    /// As on the wire, but for `|`, which stands for CR and LF.
    let bytes: String
    /// Of the answers, in order; interim ones, too.
    let statuses: [Int]
    let afterwards: Afterwards

    init(_ section: String, _ bytes: String, _ statuses: [Int], _ afterwards: Afterwards = .goesOn) {
        self.section = section
        self.bytes = bytes
        self.statuses = statuses
        self.afterwards = afterwards
    }

    var wire: String { bytes.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\r\n") }

    var testDescription: String { "\(section): \(bytes.prefix(160).debugDescription)" }
}
