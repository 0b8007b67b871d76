/// How far a connection's requests have got: shared by those in front of the parser and those behind it.
final class RequestProgress {
    /// Requests whose header the parser has read.
    var headCount = 0
    /// Of the last of them, the end has been read, too: the next byte is of another request.
    var isBetweenRequests = true
    /// The last request line that was seen in front of the parser, without what ends it, as far as it has arrived.
    var line: [UInt8] = []
    /// Of the requests in front of that line.
    var lineNumber = 0

    /// The line of the request that the parser is at; nil if that came behind another one in one piece.
    var currentLine: [UInt8]? { lineNumber == headCount ? line : nil }
}

@available(*, unavailable)
extension RequestProgress: Sendable {}
