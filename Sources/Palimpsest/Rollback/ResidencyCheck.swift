import CPalimpsest
import Glibc

/// Whether the file pages that a rollback needs are in memory: a question to the kernel (mincore(2)), asked at most
/// every 100 ms. Pages that a copy has just read do not leave memory sooner.
struct ResidencyCheck {
    private static let interval: UInt64 = 100_000_000
    /// From so many missing pages on the ring is faster than page faults: see docs/benchmarks.md.
    private static let missingPageLimit = 4

    private var nextCheck: UInt64 = 0

    mutating func isLow(_ runs: [RestoreRun]) -> Bool {
        let now = pal_monotonic_nanoseconds()
        guard now >= nextCheck else { return false }
        nextCheck = now + ResidencyCheck.interval
        var missing = 0
        for run in runs where run.isFile { missing += ResidencyCheck.missingPageCount(run) }
        return missing >= ResidencyCheck.missingPageLimit
    }

    private static func missingPageCount(_ run: RestoreRun) -> Int {
        guard let source = run.source else { return 0 }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: run.pageCount) { states in
            let result = mincore(UnsafeMutableRawPointer(mutating: source), run.byteCount, states.baseAddress)
            return result == 0 ? states.count { $0 & 1 == 0 } : 0
        }
    }
}
