import Glibc

/// Something to time once.
struct Operation {
    /// Brings about what `body` needs. Not timed.
    var prepare: () throws -> Void = {}
    /// Around every block of samples: for what keeps a core busy and must not while others are timed. Not timed.
    var beginBlock: () throws -> Void = {}
    var endBlock: () -> Void = {}
    let body: () throws -> Void
}

/// Times several operations in turn, a block of each, so that a machine whose speed drifts slows all of them.
enum Interleaving {
    private static let blockSampleCount = 64
    /// Operations of milliseconds get as few samples as this.
    private static let minimumSampleCount = 20

    /// Every operation `sampleCount` times, after `warmUpCount` untimed ones each; slow ones less often: each is to
    /// take no more than about `nanoseconds` in all.
    static func measure(
        _ measurements: inout [Measurement], _ operations: [Operation], sampleCount: Int, warmUpCount: Int,
        nanoseconds budget: UInt64 = .max
    ) throws {
        var plans: [Int] = []
        for operation in operations {
            let start = nanoseconds()
            var count = 0
            // The fastest one says what to expect: the first few bring memory in.
            var each = UInt64.max
            try operation.beginBlock()
            while count < warmUpCount, count < 3 || nanoseconds() - start < budget / 8 {
                let begin = nanoseconds()
                try operation.prepare()
                try operation.body()
                each = max(1, min(each, nanoseconds() - begin))
                count += 1
            }
            operation.endBlock()
            plans.append(min(sampleCount, max(minimumSampleCount, Int(min(budget / each, UInt64(sampleCount))))))
        }
        let rounds = max(1, sampleCount / blockSampleCount)
        for round in 0..<rounds {
            for (index, operation) in operations.enumerated() {
                try operation.beginBlock()
                for _ in plans[index] * round / rounds..<plans[index] * (round + 1) / rounds {
                    try operation.prepare()
                    let start = nanoseconds()
                    try operation.body()
                    measurements[index].record(nanoseconds() - start)
                }
                operation.endBlock()
            }
        }
    }

    private static func nanoseconds() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }
}
