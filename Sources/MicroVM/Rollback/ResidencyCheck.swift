import CPalimpsest
import Glibc

/// Whether file pages that a rollback needs are missing from memory, and few enough for the ring: a question to the
/// kernel (mincore(2)) about some of them. Pages in use stay in memory: while they are found there it is asked ever
/// more rarely, and again after a rest.
struct ResidencyCheck {
    /// From one question to the next: 1 ms at first, twice as long each time, up to 1 s. In nanoseconds.
    private static let shortestInterval: UInt64 = 1_000_000
    private static let longestInterval: UInt64 = 1_000_000_000
    /// Runs that are asked about.
    private static let sampleCount = 8
    /// Beyond it the kernel's read-ahead for page faults beats so many small reads: see docs/benchmarks.md.
    private static let maximumRequestCount = 512

    private var nextCheck: UInt64 = 0
    private var interval = shortestInterval

    mutating func callsForRing(_ runs: [RestoreRun]) -> Bool {
        let now = pal_monotonic_nanoseconds()
        guard now >= nextCheck else { return false }
        let isMissing = ResidencyCheck.isMissing(runs)
        interval = isMissing ? ResidencyCheck.shortestInterval : min(2 * interval, ResidencyCheck.longestInterval)
        nextCheck = now + interval
        return isMissing
    }

    private static func isMissing(_ runs: [RestoreRun]) -> Bool {
        var requestCount = 0
        var runCount = 0
        for run in runs where run.mayVanish {
            requestCount += RingRestorer.requestCount(run)
            runCount += 1
        }
        guard requestCount <= maximumRequestCount else { return false }
        let step = max(1, runCount / sampleCount)
        var index = 0
        for run in runs where run.mayVanish {
            if index.isMultiple(of: step), isMissing(run) { return true }
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
