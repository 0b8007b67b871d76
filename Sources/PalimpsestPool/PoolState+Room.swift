import GuestABI
import Palimpsest

/// Room for sandboxes: `sandboxCount.upperBound`, `memoryLimit`, and what the machine gives.
extension PoolState {
    /// How long no more sandboxes are asked for after the machine has refused one: 100 ms, in nanoseconds.
    static let retryPause: UInt64 = 100_000_000

    // MARK: - Snapshots

    mutating func add(_ lane: SnapshotLane) throws(SandboxPoolError) {
        guard phase == .open else { throw .shutDown }
        guard lanes[ByteName(lane.name)] == nil else { throw .snapshotNameTaken(name: lane.name) }
        lanes[ByteName(lane.name)] = lane
        if let snapshot = lane.snapshot { memory.add(snapshot) }
        if home == nil { home = lane }
    }

    /// - Returns: the calls that waited for it, to be refused.
    mutating func removeLane(_ name: String) -> [PoolCall] {
        guard let lane = lanes.removeValue(forKey: ByteName(name)) else { return [] }
        lane.isRemoved = true
        for sandbox in lane.idle { doom(sandbox) }
        idleCount -= lane.idle.count
        lane.idle = []
        drop(lane)
        if home === lane { home = lanes.values.max { $0.lastUse < $1.lastUse } }
        return removeAll(from: lane)
    }

    private mutating func drop(_ lane: SnapshotLane) {
        if let snapshot = lane.snapshot { memory.remove(snapshot) }
        lane.snapshot = nil
    }

    mutating func loaded(_ lane: SnapshotLane, _ snapshot: Snapshot) {
        lane.isLoading = false
        makingCount -= 1
        guard !lane.isRemoved else { return }
        lane.snapshot = snapshot
        memory.add(snapshot)
    }

    /// - Returns: the calls that waited for it, to be refused.
    mutating func loadFailed(_ lane: SnapshotLane) -> [PoolCall] {
        lane.isLoading = false
        makingCount -= 1
        return removeAll(from: lane)
    }

    // MARK: - Making

    /// What a thread can do so that the calls of a lane have one sandbox more; nil if they have to wait.
    mutating func make(for lane: SnapshotLane, now: UInt64) -> Work? {
        guard !lane.isLoading, lane.makingCount < lane.waiting.count else { return nil }
        // There are others to wait for.
        guard lane.sandboxCount == 0 || now >= lane.retryTime else { return nil }
        guard let snapshot = lane.snapshot else {
            lane.isLoading = true
            makingCount += 1
            return .load(lane)
        }
        if sandboxCount >= countLimit(now) { return takeLeastRecentlyUsed().map { .close($0) } }
        if let sandbox = takeExcess(beside: lane.sandboxByteCount, except: lane) { return .close(sandbox) }
        guard fits(lane) else { return sandboxCount > 0 ? nil : refuseForMemory(lane) }
        return beginMaking(lane, snapshot)
    }

    /// The first sandbox of all need not be as large as the last one became: what calls write can exceed the limit.
    private func fits(_ lane: SnapshotLane) -> Bool {
        let byteCount = sandboxCount == 0 ? PooledSandbox.expectedByteCount : lane.sandboxByteCount
        return memory.byteCount + byteCount <= limits.memoryLimit ?? .max
    }

    /// Nothing is there that could be waited for.
    private mutating func refuseForMemory(_ lane: SnapshotLane) -> Work {
        let byteCount = memory.byteCount + PooledSandbox.expectedByteCount
        return .refuse(
            removeAll(from: lane), .memoryLimitReached(byteCount: byteCount, limit: limits.memoryLimit ?? .max))
    }

    private func countLimit(_ now: UInt64) -> Int {
        now < growthRetryTime ? min(ceiling, limits.sandboxCount.upperBound) : limits.sandboxCount.upperBound
    }

    private mutating func beginMaking(_ lane: SnapshotLane, _ snapshot: Snapshot) -> Work {
        sandboxCount += 1
        lane.sandboxCount += 1
        lane.makingCount += 1
        makingCount += 1
        memory.reserve(PooledSandbox.expectedByteCount)
        return .make(lane, snapshot)
    }

    private mutating func endMaking(_ lane: SnapshotLane) {
        lane.makingCount -= 1
        makingCount -= 1
        memory.release(PooledSandbox.expectedByteCount)
    }

    /// A sandbox is there. The first call that waits for one gets it at once: nobody can evict it before it was of use.
    mutating func made(_ sandbox: PooledSandbox, worker: PoolWorker, now: UInt64) -> PoolCall? {
        endMaking(sandbox.lane)
        guard let call = sandbox.lane.waiting.first else {
            giveBack(sandbox, worker: worker, now: now)
            return nil
        }
        memory.update(sandbox)
        begin(call, in: sandbox, now: now)
        return call
    }

    /// A sandbox cannot be had. If the machine has no more, others are evicted for it and those there are go on.
    /// - Returns: the calls to refuse with the error, because nothing can be waited for.
    mutating func makingFailed(_ lane: SnapshotLane, _ error: SandboxError, now: UInt64) -> [PoolCall] {
        endMaking(lane)
        sandboxCount -= 1
        lane.sandboxCount -= 1
        var canWait = lane.sandboxCount > 0
        lane.retryTime = now + PoolState.retryPause
        if case .machine = error {
            growthRetryTime = now + PoolState.retryPause
            ceiling = max(1, sandboxCount)
            canWait = sandboxCount > 0
        }
        return canWait ? [] : removeAll(from: lane)
    }

    // MARK: - Evicting

    /// Of each lane, the first idle one is the oldest.
    private var leastRecentlyUsed: PooledSandbox? {
        lanes.values.lazy.compactMap(\.idle.first).min { $0.lastUse < $1.lastUse }
    }

    /// The idle sandbox that nobody has used for the longest time, no longer counted.
    mutating func takeLeastRecentlyUsed() -> PooledSandbox? {
        guard let oldest = leastRecentlyUsed else { return nil }
        oldest.lane.idle.removeFirst()
        idleCount -= 1
        uncount(oldest)
        if phase == .open { statistics.evictions += 1 }
        return oldest
    }

    /// Under the memory limit, less `byteCount`: what has not been used for the longest time goes, snapshots that can
    /// be loaded again and that have no sandbox at once.
    /// - Returns: an idle sandbox to close, if that is next; nil if there is room, or nothing left to evict.
    mutating func takeExcess(beside byteCount: Int = 0, except exception: SnapshotLane? = nil) -> PooledSandbox? {
        guard let limit = limits.memoryLimit else { return nil }
        while memory.byteCount + byteCount > limit {
            let unused = lanes.values.lazy.filter { $0 !== exception && $0.canBeUnloaded }
            let lane = unused.min { $0.lastUse < $1.lastUse }
            guard let lane, lane.lastUse <= leastRecentlyUsed?.lastUse ?? .max else { return takeLeastRecentlyUsed() }
            drop(lane)
            statistics.evictions += 1
        }
        return nil
    }

    /// Forgets a sandbox that a thread throws away.
    mutating func uncount(_ sandbox: PooledSandbox) {
        memory.remove(sandbox)
        sandboxCount -= 1
        sandbox.lane.sandboxCount -= 1
    }

    mutating func doom(_ sandbox: PooledSandbox) {
        uncount(sandbox)
        doomed.append(sandbox)
    }

    // MARK: - Upkeep

    /// What a thread can do when no call needs it: sandboxes up to the lower bound, and no idle ones beyond it for
    /// long.
    mutating func upkeep(now: UInt64) -> Work? {
        if let lane = owed.popLast() ?? missing, let snapshot = lane.snapshot, !lane.isRemoved,
            now >= max(growthRetryTime, lane.retryTime), hasRoom(for: lane)
        {
            return beginMaking(lane, snapshot)
        }
        guard sandboxCount > limits.sandboxCount.lowerBound, now >= idleCheckTime else { return nil }
        let timeLimit = UInt64(limits.idleTimeLimit.nanosecondsRoundedUp)
        let oldest = lanes.values.lazy.compactMap(\.idle.first?.lastUse).min() ?? now
        if oldest + timeLimit <= now { return takeLeastRecentlyUsed().map { .close($0) } }
        idleCheckTime = oldest + timeLimit
        return nil
    }

    /// Whose sandboxes there are too few of.
    private var missing: SnapshotLane? { sandboxCount < limits.sandboxCount.lowerBound ? home : nil }

    private func hasRoom(for lane: SnapshotLane) -> Bool {
        sandboxCount < limits.sandboxCount.upperBound && fits(lane)
    }

    /// When the keeper has to send a thread for upkeep.
    var upkeepTime: UInt64 {
        guard phase == .open else { return .max }
        if let missing, missing.snapshot != nil, hasRoom(for: missing) {
            return max(growthRetryTime, missing.retryTime)
        }
        return sandboxCount > limits.sandboxCount.lowerBound ? idleCheckTime : .max
    }
}
