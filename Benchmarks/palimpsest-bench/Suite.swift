/// A group of results that are measured together.
struct Suite: Sendable {
    let name: String
    let summary: String
    let run: @Sendable (Effort) throws -> Report

    static let all = [
        Suite.floor, Suite.call, Suite.rollback, Suite.cold, Suite.create, Suite.memory, Suite.snapshot, Suite.resident,
        Suite.store, Suite.pool, Suite.density, Suite.serve, Suite.observed,
    ]

    /// Those that only run if they are named.
    static let onDemand = [Suite.soak]
}

/// How many samples to take.
struct Effort {
    let isQuick: Bool
    /// How long the soak goes on.
    var soakSeconds = 60
    var sampleCount: Int { isQuick ? 2_000 : 50_000 }
    var warmUpCount: Int { isQuick ? 200 : 2_000 }
    /// For each result of the suites that have many.
    var nanosecondsPerResult: UInt64 { isQuick ? 30_000_000 : 300_000_000 }
}
