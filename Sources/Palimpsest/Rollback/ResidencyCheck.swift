import CPalimpsest
import Glibc

/// Whether file pages that a rollback needs are missing from memory, and few enough for the ring: a question to the
/// kernel (mincore(2)) about some of them, asked at most once a millisecond.
struct ResidencyCheck {
    /// In nanoseconds.
    private static let interval: UInt64 = 1_000_000
    /// Runs that are asked about.
    private static let sampleCount = 8
    /// Beyond it the kernel's read-ahead for page faults beats so many small reads: see docs/benchmarks.md.
    private static let maximumRequestCount = 512

    private var nextCheck: UInt64 = 0

    mutating func callsForRing(_ runs: [RestoreRun]) -> Bool {
        let now = pal_monotonic_nanoseconds()
        guard now >= nextCheck else { return false }
        nextCheck = now + ResidencyCheck.interval
        var requestCount = 0
        var runCount = 0
        for run in runs where run.mayVanish {
            requestCount += RingRestorer.requestCount(run)
            runCount += 1
        }
        guard requestCount <= ResidencyCheck.maximumRequestCount else { return false }
        let step = max(1, runCount / ResidencyCheck.sampleCount)
        var index = 0
        for run in runs where run.mayVanish {
            if index.isMultiple(of: step), ResidencyCheck.isMissing(run) { return true }
            index += 1
        }
        return false
    }

    /// Whether a run's first page is not in memory.
    private static func isMissing(_ run: RestoreRun) -> Bool {
        guard let source = run.source else { return false }
        var state: UInt8 = 1
        return mincore(UnsafeMutableRawPointer(mutating: source), pageByteCount, &state) == 0 && state & 1 == 0
    }
}
