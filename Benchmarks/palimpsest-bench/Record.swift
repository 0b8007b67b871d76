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
}

/// The JSON file.
struct Report: Codable {
    let results: [Record]
}
