import Palimpsest
import ToolSupport

/// Rolls a sandbox back after each call, and keeps account of what that took.
struct RollbackFigures: CustomStringConvertible {
    private let sandbox: Sandbox
    private let snapshot: Snapshot
    /// Before the first call.
    private let start: SandboxStatistics
    private var times: CallTimes

    init(_ sandbox: Sandbox, snapshot: Snapshot, capacity: Int) {
        self.sandbox = sandbox
        self.snapshot = snapshot
        start = sandbox.statistics
        times = CallTimes(capacity: capacity)
    }

    mutating func rollBack() throws(SandboxError) {
        let clock = ContinuousClock()
        let start = clock.now
        try sandbox.restore(snapshot)
        times.add((clock.now - start).nanoseconds)
    }

    /// Pages that calls have written so far: what the last rollback brought back.
    private var pagesWritten: Int { sandbox.lastRollback?.pages ?? 0 }
    private var pagesCopied: UInt64 { sandbox.statistics.pagesCopied - start.pagesCopied }
    private var traps: UInt64 { sandbox.statistics.pageFaults - start.pageFaults }
    private var strategy: String { sandbox.lastRollback?.strategy.description ?? "none" }

    var description: String {
        times.describe("rollbacks by \(strategy)")
            + "\n\(pagesWritten) pages written, \(pagesCopied) pages copied on a write, \(traps) traps"
    }

    var json: JSON {
        [
            "strategy": .string(strategy), "pagesWritten": .integer(pagesWritten),
            "pagesCopied": .unsigned(pagesCopied), "traps": .unsigned(traps), "times": times.json,
        ]
    }
}
