import Glibc

/// Something to time once.
struct Operation {
    let body: () throws -> Void
}

/// Times several operations in turn, a block of each, so that a machine whose speed drifts slows all of them.
enum Interleaving {
    private static let blockSampleCount = 64

    /// Every operation `sampleCount` times, after `warmUpCount` untimed ones each.
    static func measure(
        _ measurements: inout [Measurement], _ operations: [Operation], sampleCount: Int, warmUpCount: Int
    ) throws {
        for operation in operations {
            for _ in 0..<warmUpCount { try operation.body() }
        }
        var done = 0
        while done < sampleCount {
            let block = min(blockSampleCount, sampleCount - done)
            for (index, operation) in operations.enumerated() {
                for _ in 0..<block {
                    let start = nanoseconds()
                    try operation.body()
                    measurements[index].record(nanoseconds() - start)
                }
            }
            done += block
        }
    }

    private static func nanoseconds() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }
}
