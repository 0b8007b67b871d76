/// What one connection may take, in time and bytes.
struct ConnectionLimits: Sendable {
    /// Bytes of the request line and the header; of a single field, too.
    var headerByteCount = 16 << 10
    var headerFieldCount = 100
    /// How long a connection may rest between two requests, and how long a request's header may take.
    var idle = Duration.seconds(30)
    /// How long a request's body may take to arrive, and its answer to be taken.
    var transfer = Duration.seconds(10)
    /// After an answer that ends the connection, what a client still sends is read and thrown away: until it sends
    /// nothing for so long, for `transfer` altogether, and up to so many bytes.
    var linger = Duration.seconds(2)
    var lingerByteCount = 64 << 20
}
