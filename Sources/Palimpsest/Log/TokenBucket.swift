/// A token bucket: holds `burst` tokens and gains `rate` a second.
///
/// Kept as one time, as in the generic cell rate algorithm (ITU-T I.371, annex A): when the bucket will be full again.
/// A token costs `1 s / rate` of it, and no more than `burst` tokens' worth may lie ahead.
struct TokenBucket {
    private let rate: UInt64
    private let capacity: UInt64
    private var fullTime: UInt64 = 0

    /// - Parameters:
    ///   - rate: tokens a second, 1 to 1,000,000,000.
    ///   - burst: 1 to 1,073,741,824 tokens.
    init(rate: Int, burst: Int) {
        self.rate = UInt64(rate)
        capacity = UInt64(burst) * 1_000_000_000 / UInt64(rate)
    }

    /// When the bucket would be full again if `count` tokens, at most 2^32, were taken now; nil if it has fewer.
    private func fullTime(taking count: UInt64, now nanoseconds: UInt64) -> UInt64? {
        let time = max(fullTime, nanoseconds) &+ count &* 1_000_000_000 / rate
        return time &- nanoseconds <= capacity ? time : nil
    }

    func holds(_ count: UInt64, now nanoseconds: UInt64) -> Bool {
        fullTime(taking: count, now: nanoseconds) != nil
    }

    /// False, and nothing taken, if there are fewer.
    mutating func take(_ count: UInt64, now nanoseconds: UInt64) -> Bool {
        guard let time = fullTime(taking: count, now: nanoseconds) else { return false }
        fullTime = time
        return true
    }
}
