/// What one request may take.
struct RequestLimits: Sendable {
    var bodyByteCount = 2 << 20
    /// For waiting and running together.
    var call = Duration.seconds(5)
    /// Whether clients see addresses and symbols of a guest that crashed.
    var showsFaults = false
}
