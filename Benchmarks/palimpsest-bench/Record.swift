/// One line of the report, on screen and in the JSON file.
struct Record: Codable {
    let name: String
    let unit: String
    let samples: UInt64
    let p50: UInt64
    let p90: UInt64
    let p99: UInt64
    let p999: UInt64
    let max: UInt64
    /// The floor's name, and this p50 over the floor's, both from the same run.
    let floor: String?
    let ratio: Double?

    init(_ measurement: Measurement, floorP50: UInt64?) {
        name = measurement.name
        unit = "ns"
        samples = measurement.sampleCount
        p50 = measurement.p50
        p90 = measurement.p90
        p99 = measurement.p99
        p999 = measurement.p999
        max = measurement.max
        floor = measurement.floor
        ratio = floorP50.flatMap { $0 > 0 ? Double(measurement.p50) / Double($0) : nil }
    }

    /// Every record has every key; a floor's own `floor` and `ratio` are null.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(unit, forKey: .unit)
        try container.encode(samples, forKey: .samples)
        try container.encode(p50, forKey: .p50)
        try container.encode(p90, forKey: .p90)
        try container.encode(p99, forKey: .p99)
        try container.encode(p999, forKey: .p999)
        try container.encode(max, forKey: .max)
        try container.encode(floor, forKey: .floor)
        try container.encode(ratio, forKey: .ratio)
    }
}

/// What one call of an operation costs in things that can be counted, averaged over many.
struct Count: Codable {
    let name: String
    let calls: Int
    let allocationsPerCall: Double
    /// `KVM_RUN` system calls.
    let vcpuRunsPerCall: Double
}

/// The JSON file.
struct Report: Codable {
    var results: [Record] = []
    var counts: [Count] = []

    /// Adds a suite's report. A floor that several suites measure beside their results appears once, the latest.
    mutating func add(_ other: Report) {
        results.removeAll { old in other.results.contains { $0.name == old.name } }
        results += other.results
        counts += other.counts
    }
}
