/// What others are told of a pool.
extension PoolState {
    /// The first of all snapshots' names.
    var names: [String] { lanes.keys.sorted().prefix(PoolState.nameLimit).map(\.text) }

    /// As many names as an error lists.
    static let nameLimit = 32

    /// What is to be seen of all this now.
    var current: SandboxPoolStatistics {
        var current = statistics
        current.waiting = waitingCount
        current.running = running.count
        current.idle = idleCount
        current.sandboxes = sandboxCount
        current.memoryByteCount = memory.byteCount
        return current
    }
}
