import AllocationCounter
import Palimpsest

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

    /// - Parameter divisor: how many of what the name says one sample was.
    init(_ measurement: Measurement, floorP50: UInt64?, divisor: Int = 1) {
        let divisor = UInt64(divisor > 0 ? divisor : 1)
        name = measurement.name
        unit = "ns"
        samples = measurement.sampleCount
        p50 = measurement.p50 / divisor
        p90 = measurement.p90 / divisor
        p99 = measurement.p99 / divisor
        p999 = measurement.p999 / divisor
        max = measurement.max / divisor
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
    /// Page faults that came to the host.
    let trapsPerCall: Double

    init(_ name: String, _ operation: Operation, _ sandbox: Sandbox, callCount: Int) throws {
        for _ in 0..<16 { try operation.body() }
        let before = sandbox.statistics
        let allocations = allocation_count()
        for _ in 0..<callCount { try operation.body() }
        let allocated = allocation_count() - allocations
        let after = sandbox.statistics
        self.name = name
        calls = callCount
        allocationsPerCall = Double(allocated) / Double(callCount)
        vcpuRunsPerCall = Double(after.vcpuRuns - before.vcpuRuns) / Double(callCount)
        trapsPerCall = Double(after.pageFaults - before.pageFaults) / Double(callCount)
    }
}

/// The JSON file.
struct Report: Codable {
    var results: [Record] = []
    var counts: [Count] = []
    var amounts: [Amount] = []

    /// Adds a suite's report. A floor that several suites measure beside their results appears once, the latest.
    mutating func add(_ other: Report) {
        results.removeAll { old in other.results.contains { $0.name == old.name } }
        results += other.results
        counts += other.counts
        amounts += other.amounts
    }
}
