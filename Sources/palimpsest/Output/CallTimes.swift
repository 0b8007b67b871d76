import ToolSupport

/// How long calls took, in nanoseconds, measured around `Sandbox.call`.
struct CallTimes: CustomStringConvertible {
    private var samples: [Int64] = []

    init(capacity: Int) { samples.reserveCapacity(capacity) }

    mutating func add(_ nanoseconds: Int64) { samples.append(nanoseconds) }

    var last: Int64 { samples.last ?? 0 }

    /// The smallest, the middle, the 99th of a hundred and the largest.
    var summary: (minimum: Int64, p50: Int64, p99: Int64, maximum: Int64) {
        let sorted = samples.sorted()
        guard let first = sorted.first, let last = sorted.last else { return (0, 0, 0, 0) }
        // Nearest rank: the smallest sample that at least that share of all do not exceed.
        func rank(_ percent: Int) -> Int64 { sorted[max(0, (sorted.count * percent + 99) / 100 - 1)] }
        return (first, rank(50), rank(99), last)
    }

    var description: String { describe("calls") }

    /// `50 calls: min 31.2 µs, p50 ...`
    func describe(_ what: String) -> String {
        let (minimum, p50, p99, maximum) = summary
        return "\(samples.count) \(what): min \(Quantity.time(minimum)), p50 \(Quantity.time(p50)), "
            + "p99 \(Quantity.time(p99)), max \(Quantity.time(maximum))"
    }

    /// Nanoseconds.
    var json: JSON {
        let (minimum, p50, p99, maximum) = summary
        return [
            "count": .integer(samples.count), "min": .integer(minimum), "p50": .integer(p50), "p99": .integer(p99),
            "max": .integer(maximum),
        ]
    }
}
