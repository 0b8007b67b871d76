import AllocationCounter
@_spi(Benchmarks) import Palimpsest

extension Suite {
    private static let pageCounts = [0, 1, 4, 16, 64, 256, 1024, 4096]
    private static let largest = 4096

    /// Rollbacks, alone and with the call before them, for every strategy, number of pages and layout.
    static let rollback = Suite(
        name: "rollback", summary: "rollback and call+rollback of 0 to 4,096 pages by every strategy"
    ) { effort in
        let snapshot = try BenchGuest.snapshot(pageCount: 2 * largest + 16)
        var report = Report()
        for isContiguous in [false, true] {
            for pageCount in pageCounts {
                report.add(try RollbackCase(snapshot, pageCount, isContiguous).run(effort))
            }
        }
        report.add(try heapSizes(effort))
        return report
    }

    /// Rollback of 16 pages in sandboxes of very different sizes: it must not matter.
    private static func heapSizes(_ effort: Effort) throws -> Report {
        var measurements: [Measurement] = []
        var operations: [Operation] = []
        for mebibytes in [16, 64, 256, 1024, 4096] {
            let snapshot = try BenchGuest.snapshot(pageCount: 64, heapByteCount: mebibytes << 20)
            let sandbox = try Sandbox(from: snapshot)
            let write = try sandbox.function("writePages", as: ((UInt64, UInt64) -> Void).self)
            measurements.append(
                Measurement(
                    "rollback/pages=16/heap=\(mebibytes)MiB",
                    over: mebibytes == 16 ? nil : "rollback/pages=16/heap=16MiB"))
            operations.append(
                Operation(prepare: { try sandbox.call(write, 16, 2) }, body: { try sandbox.restore(snapshot) }))
        }
        try Interleaving.measure(
            &measurements, operations, sampleCount: effort.sampleCount, warmUpCount: effort.warmUpCount,
            nanoseconds: effort.nanosecondsPerResult)
        let smallest = measurements[0].p50
        return Report(results: measurements.map { Record($0, floorP50: $0.floor == nil ? nil : smallest) })
    }
}

/// One number of pages in one layout: its floors, and every strategy against them.
private struct RollbackCase {
    let snapshot: Snapshot
    let pageCount: Int
    let stride: Int
    let suffix: String

    init(_ snapshot: Snapshot, _ pageCount: Int, _ isContiguous: Bool) {
        self.snapshot = snapshot
        self.pageCount = pageCount
        stride = isContiguous ? 1 : 2
        suffix = isContiguous ? "/contiguous" : ""
    }

    private struct Subject {
        let sandbox: Sandbox
        let call: () throws -> Void

        init(_ snapshot: Snapshot, _ strategy: RollbackStrategy, _ pageCount: Int, _ stride: Int) throws {
            let sandbox = try Sandbox(from: snapshot, configuration: .init(rollbackStrategy: strategy))
            let write = try sandbox.function("writePages", as: ((UInt64, UInt64) -> Void).self)
            self.sandbox = sandbox
            call = { try sandbox.call(write, UInt64(pageCount), UInt64(stride)) }
        }
    }

    func run(_ effort: Effort) throws -> Report {
        let copyFloor = "floor/memcpy-4k/pages=\(pageCount)\(suffix)"
        let fillFloor = "floor/memset-4k/pages=\(pageCount)\(suffix)"
        let callName = "call/pages=\(pageCount)\(suffix)"
        let bothFloor = "floor/call+memcpy/pages=\(pageCount)\(suffix)"
        let resident = try Subject(snapshot, .copy, pageCount, stride)
        var measurements = [Measurement("floor/kvm-run"), Measurement(callName, over: "floor/kvm-run")]
        var operations = [try BenchGuest.bareLoop(), Operation(body: resident.call)]
        if pageCount > 0 {
            measurements += [Measurement(copyFloor), Measurement(fillFloor), Measurement(bothFloor)]
            operations += [
                try PageFloor(snapshot, pageCount: pageCount, stride: stride).copy,
                try PageFloor(snapshot, pageCount: pageCount, stride: stride).fill,
                try PageFloor(snapshot, pageCount: pageCount, stride: stride).callAndCopy,
            ]
        }
        var counts: [Count] = []
        for strategy in RollbackStrategy.allCases {
            let name = "pages=\(pageCount)/strategy=\(strategy)\(suffix)"
            let alone = try Subject(snapshot, strategy, pageCount, stride)
            measurements.append(Measurement("rollback/\(name)", over: pageCount > 0 ? copyFloor : "floor/kvm-run"))
            operations.append(
                Operation(prepare: alone.call, body: { [snapshot] in try alone.sandbox.restore(snapshot) }))
            let both = try Subject(snapshot, strategy, pageCount, stride)
            let operation = Operation { [snapshot] in
                try both.call()
                try both.sandbox.restore(snapshot)
            }
            measurements.append(
                Measurement("call+rollback/\(name)", over: pageCount > 16 ? bothFloor : "floor/kvm-run"))
            operations.append(operation)
            if strategy == .automatic || strategy == .copy {
                counts.append(try Count("call+rollback/\(name)", operation, both.sandbox, callCount: 500))
            }
        }
        try Interleaving.measure(
            &measurements, operations, sampleCount: effort.sampleCount, warmUpCount: effort.warmUpCount,
            nanoseconds: effort.nanosecondsPerResult)
        return Report(results: records(measurements), counts: counts)
    }

    private func records(_ measurements: [Measurement]) -> [Record] {
        let medians = Dictionary(measurements.map { ($0.name, $0.p50) }, uniquingKeysWith: { first, _ in first })
        return measurements.map { measurement in
            // Copies and fills are given for a page.
            let divisor = measurement.name.hasPrefix("floor/mem") ? pageCount : 1
            return Record(measurement, floorP50: measurement.floor.flatMap { medians[$0] }, divisor: divisor)
        }
    }
}
