@_spi(Benchmarks) import Palimpsest

extension Suite {
    /// Calls that take no exit, with and without a rollback, against what two cores and the copies cannot do without.
    static let resident = Suite(
        name: "resident", summary: "calls without an exit, and with a rollback of 0 to 64 pages"
    ) { effort in
        let snapshot = try BenchGuest.snapshot(pageCount: 256)
        var report = try calls(snapshot, effort)
        for pageCount in [0, 1, 8, 64] { report.add(try rollbacks(snapshot, pageCount, effort)) }
        return report
    }

    private static func makeSandbox(_ snapshot: Snapshot) throws -> Sandbox {
        let residency = Residency(parkAfter: .milliseconds(1))
        return try Sandbox(from: snapshot, configuration: .init(registerReset: .byGuest(residency)))
    }

    /// - Parameter body: calls by which a block begins, untimed: the guest may have parked.
    private static func operation(_ body: @escaping () throws -> Void) -> Operation {
        Operation(
            beginBlock: { for _ in 0..<16 { try body() } },
            body: body)
    }

    private static func calls(_ snapshot: Snapshot, _ effort: Effort) throws -> Report {
        let floor = "floor/line-exchange"
        let sandbox = try makeSandbox(snapshot)
        let add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
        let echo = try sandbox.function("echo", as: ((String) -> String).self)
        let text = String(repeating: "palimpsest/64byte", count: 4).prefix(64).description
        var measurements = [
            Measurement("floor/clock"), Measurement(floor), Measurement("resident/call", over: floor),
            Measurement("resident/call/echo-64", over: floor),
        ]
        let call = operation { try BenchGuest.check(sandbox.call(add, 40, 2) == 42) }
        let operations = [
            Operation {}, LineExchange().operation, call,
            operation { try BenchGuest.check(sandbox.call(echo, text) == text) },
        ]
        try Interleaving.measure(
            &measurements, operations, sampleCount: effort.sampleCount, warmUpCount: effort.warmUpCount)
        let floorP50 = measurements[1].p50
        return Report(
            results: measurements.map { Record($0, floorP50: $0.floor == nil ? nil : floorP50) },
            counts: [try Count("resident/call", call, sandbox, callCount: effort.warmUpCount)])
    }

    private static func rollbacks(_ snapshot: Snapshot, _ pageCount: Int, _ effort: Effort) throws -> Report {
        let floor = pageCount == 0 ? "floor/line-exchange" : "floor/memcpy-4k/pages=\(pageCount)"
        let name = "resident/call+rollback/pages=\(pageCount)"
        let sandbox = try makeSandbox(snapshot)
        let write = try sandbox.function("writePages", as: ((UInt64, UInt64) -> Void).self)
        let pages = UInt64(pageCount)
        var measurements = [
            Measurement(floor), Measurement("resident/call/pages=\(pageCount)", over: floor),
            Measurement(name, over: floor),
        ]
        let both = operation {
            try sandbox.call(write, pages, 2)
            try sandbox.restore(snapshot)
        }
        let operations = [
            pageCount == 0
                ? LineExchange().operation : try PageFloor(snapshot, pageCount: pageCount, stride: 2).copy,
            operation { try sandbox.call(write, pages, 2) }, both,
        ]
        try Interleaving.measure(
            &measurements, operations, sampleCount: effort.sampleCount, warmUpCount: effort.warmUpCount)
        // The floor of all pages together, shown for one.
        let floorP50 = measurements[0].p50
        let records = measurements.enumerated().map { index, measurement in
            Record(measurement, floorP50: index == 0 ? nil : floorP50, divisor: index == 0 ? pageCount : 1)
        }
        return Report(
            results: records, counts: [try Count(name, both, sandbox, callCount: effort.warmUpCount)])
    }
}
