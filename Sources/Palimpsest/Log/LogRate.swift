/// A `GuestLogLimit` at work.
struct LogRate {
    private var lines: TokenBucket
    private var bytes: TokenBucket

    init(_ limit: GuestLogLimit) {
        lines = TokenBucket(rate: limit.linesPerSecond, burst: limit.burstLines)
        bytes = TokenBucket(rate: limit.bytesPerSecond, burst: limit.burstBytes)
    }

    /// Whether a line of so many bytes may pass; if not, nothing is taken.
    mutating func take(byteCount: UInt64, now nanoseconds: UInt64) -> Bool {
        guard bytes.holds(byteCount, now: nanoseconds), lines.take(1, now: nanoseconds) else { return false }
        return bytes.take(byteCount, now: nanoseconds)
    }
}
