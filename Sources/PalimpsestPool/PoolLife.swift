/// A pool's threads, and who waits for their end.
struct PoolLife {
    var workers: [PoolThread] = []
    /// nil once somebody has taken it upon himself to join it, or it ends by itself.
    var keeper: PoolThread?
    var waiters: [UnsafeContinuation<Void, Never>] = []
    /// The workers are joined and the keeper is about to end.
    var isOver = false
    /// The keeper is joined, too, or left to itself.
    var isJoined = false
}
