import Histogram

/// Latencies of one operation, in nanoseconds, each sample timed by itself.
struct Measurement {
    let name: String
    /// The result this one is to be held against; nil for a floor.
    private(set) var floor: String?
    private var histogram = Histogram<UInt64>(
        lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)

    init(_ name: String, over floor: String? = nil) {
        self.name = name
        self.floor = floor
    }

    /// The same held against another floor.
    func over(_ floor: String) -> Measurement {
        var copy = self
        copy.floor = floor
        return copy
    }

    mutating func record(_ nanoseconds: UInt64) { histogram.record(nanoseconds) }

    var sampleCount: UInt64 { histogram.totalCount }
    var p50: UInt64 { histogram.valueAtPercentile(50) }
    var p90: UInt64 { histogram.valueAtPercentile(90) }
    var p99: UInt64 { histogram.valueAtPercentile(99) }
    var p999: UInt64 { histogram.valueAtPercentile(99.9) }
    var max: UInt64 { histogram.maxRecorded }
}
