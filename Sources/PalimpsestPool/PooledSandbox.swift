import Glibc
import Palimpsest

/// A sandbox of a pool's. Between two calls the pool's lock guards it; while it is lent, the thread it is lent to owns
/// it.
final class PooledSandbox: @unchecked Sendable {
    /// What the kernel keeps for a small virtual machine with one vCPU: 0.95 MiB as measured (docs/benchmarks.md,
    /// density), rounded up. It is not in any figure of this process alone.
    static let machineByteCount = 1 << 20
    /// What a sandbox counts with before there has been one of its snapshot: its machine, and 64 KiB.
    static let expectedByteCount = machineByteCount + 64 << 10

    let sandbox: Sandbox
    let lane: SnapshotLane
    let snapshot: Snapshot
    /// The thread that ran it last: KVM keeps a vCPU's state with its thread, and the caches are warm there.
    var lastWorker: Int
    /// When it was given back, in nanoseconds of the monotonic clock.
    var lastUse: UInt64 = 0
    /// What the pool's figure has of it.
    var countedByteCount = 0
    /// As last measured.
    private(set) var byteCount: Int

    init(_ sandbox: Sandbox, of lane: SnapshotLane, _ snapshot: Snapshot, worker: Int) {
        self.sandbox = sandbox
        self.lane = lane
        self.snapshot = snapshot
        lastWorker = worker
        byteCount = PooledSandbox.measure(sandbox)
    }

    /// Looks again what it takes. By the thread that owns it.
    func measure() { byteCount = PooledSandbox.measure(sandbox) }

    /// The blocks that scratch memory has (fstat(2), `st_blocks`), and the machine.
    private static func measure(_ sandbox: Sandbox) -> Int {
        var status = stat()
        guard fstat(sandbox.machine.memory.scratch.segment.descriptor.rawValue, &status) == 0 else {
            return expectedByteCount
        }
        return machineByteCount + Int(status.st_blocks) * 512
    }
}
