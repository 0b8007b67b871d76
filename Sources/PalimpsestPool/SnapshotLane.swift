import Palimpsest

/// One snapshot of a pool: its calls in the order they came, and its idle sandboxes. Guarded by the pool's lock.
final class SnapshotLane: LinkedNode, @unchecked Sendable {
    let name: String
    /// Loads the snapshot; nil if it was given.
    let load: (@Sendable () throws -> Snapshot)?
    /// nil if there is nobody to tell.
    let metrics: LaneMetrics?
    /// Of its sandboxes.
    let configuration: SandboxConfiguration
    /// nil until it is loaded, and again after it was dropped.
    var snapshot: Snapshot?
    var isLoading = false
    var isRemoved = false
    /// No sandbox is made before this time, unless there is none at all: the last attempt failed.
    var retryTime: UInt64 = 0

    var waiting = LinkedList<PoolCall>()
    var runningCount = 0
    var makingCount = 0
    /// All there are of this snapshot, those being made included.
    var sandboxCount = 0
    /// The most recently used one last.
    var idle: [PooledSandbox] = []
    /// Among the lanes that have calls waiting.
    var links = Links<SnapshotLane>()
    var isInTurn = false
    /// When a call last began or ended here.
    var lastUse: UInt64 = 0
    /// What its calls and its rollbacks take, in nanoseconds: averages of the last few, of which each counts as 100 us
    /// at most.
    private(set) var callDuration: UInt64 = 0
    private(set) var rollbackDuration: UInt64 = 0
    /// What a sandbox of this snapshot took when last measured.
    var sandboxByteCount = PooledSandbox.expectedByteCount

    init(
        _ name: String, snapshot: Snapshot?, load: (@Sendable () throws -> Snapshot)?, metrics: LaneMetrics?,
        configuration: SandboxConfiguration
    ) {
        self.name = name
        self.snapshot = snapshot
        self.load = load
        self.metrics = metrics
        self.configuration = configuration
    }

    /// Nobody uses the snapshot, and whoever calls it next can have it loaded again.
    var canBeUnloaded: Bool { load != nil && snapshot != nil && sandboxCount == 0 && waiting.count == 0 }

    func note(call: UInt64, rollback: UInt64) {
        callDuration = (7 * callDuration + min(call, 100_000)) / 8
        rollbackDuration = (7 * rollbackDuration + min(rollback, 100_000)) / 8
    }

    /// Its calls take so little, on average, that they are waited for without sleeping. Not known before the first one.
    var isShort: Bool { callDuration > 0 && callDuration < SnapshotLane.shortDuration }

    /// 50 us, in nanoseconds: about what it costs to put a thread to sleep and wake it.
    static let shortDuration: UInt64 = 50_000

    /// A thread that rolls one of its sandboxes back is free again before another one could be woken.
    var returnsSoon: Bool { rollbackDuration < 10_000 }

    /// How many idle sandboxes are looked at for one that this thread used last.
    private static let searchLimit = 8

    /// The most recently used idle sandbox; of the last few, one that this thread used last.
    func takeIdle(for worker: Int) -> PooledSandbox? {
        guard !idle.isEmpty else { return nil }
        let own = idle.indices.suffix(SnapshotLane.searchLimit).last { idle[$0].lastWorker == worker }
        guard let own else { return idle.removeLast() }
        return idle.remove(at: own)
    }
}
