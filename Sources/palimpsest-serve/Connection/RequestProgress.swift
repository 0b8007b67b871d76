/// What the parser of a connection has got through, for those in front of it.
final class RequestProgress {
    /// Requests whose header it has read.
    var headCount = 0
    /// Of the last of them, the end has been read, too: the next byte is of another request.
    var isBetweenRequests = true
}

@available(*, unavailable)
extension RequestProgress: Sendable {}
