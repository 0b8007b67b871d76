import Foundation
@_spi(Benchmarks) import Palimpsest

extension Suite {
    private static let address: UInt64 = 0x10_0000_0000

    /// Rollbacks whose pristine bytes are on a disk: a mapped file, dropped from memory before each.
    static let cold = Suite(name: "cold", summary: "rollback of pages of a file that is not in the page cache") {
        effort in
        var report = Report()
        for isContiguous in [false, true] {
            for pageCount in [1, 4, 16, 64, 256, 1024, 4096] {
                report.add(try cold(pageCount, isContiguous, effort))
            }
        }
        return report
    }

    /// A file on a disk. Not in the system's temporary folder: that is often in memory, and cannot go cold.
    private static func makeFile(_ name: String) throws -> String {
        let path = "/var/tmp/palimpsest-bench-\(getpid())-\(name)"
        try Data(repeating: 0x5a, count: 8192 * 4096).write(to: URL(fileURLWithPath: path))
        let descriptor = open(path, O_RDONLY)
        fsync(descriptor)
        close(descriptor)
        return path
    }

    private static func cold(_ pageCount: Int, _ isContiguous: Bool, _ effort: Effort) throws -> Report {
        let suffix = isContiguous ? "/contiguous" : ""
        let stride: UInt64 = isContiguous ? 1 : 2
        let floor = "cold/pages=\(pageCount)/strategy=copy\(suffix)"
        var measurements: [Measurement] = []
        var operations: [Operation] = []
        // A file each: pages that another sandbox has mapped cannot be dropped.
        var paths: [String] = []
        defer { for path in paths { unlink(path) } }
        for strategy in [RollbackStrategy.copy, .ioUring, .automatic] {
            let name = "cold/pages=\(pageCount)/strategy=\(strategy)\(suffix)"
            measurements.append(Measurement(name, over: strategy == .copy ? nil : floor))
            let sandbox = try Sandbox(
                guest: BenchGuest.source(),
                configuration: .init(scratchByteCount: 256 << 20, rollbackStrategy: strategy))
            let path = try makeFile(strategy.rawValue)
            paths.append(path)
            try sandbox.mapFile(path, at: address)
            let snapshot = try sandbox.snapshot()
            operations.append(
                Operation(
                    prepare: {
                        try sandbox.call("writePagesAt", address, UInt64(pageCount), stride)
                        try BenchGuest.check(sandbox.evictMappedFiles())
                        // Memory goes cold while a sandbox rests, and after a rest is when `automatic` looks.
                        usleep(1_000)
                    }, body: { try sandbox.restore(snapshot) }))
        }
        try Interleaving.measure(
            &measurements, operations, sampleCount: effort.isQuick ? 20 : 200, warmUpCount: 2,
            nanoseconds: effort.nanosecondsPerResult)
        let copy = measurements[0].p50
        return Report(results: measurements.map { Record($0, floorP50: $0.floor == nil ? nil : copy) })
    }
}
