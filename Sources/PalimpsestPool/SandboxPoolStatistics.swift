/// What a pool is doing, and what it has done since it was made.
public struct SandboxPoolStatistics: Sendable, Hashable {
    // Now.

    /// Calls in the queue.
    public var waiting = 0
    /// Calls that run: sandboxes lent. One that is answered before its host function returns runs on until then.
    public var running = 0
    /// Sandboxes ready to be lent.
    public var idle = 0
    /// Sandboxes alive: lent, idle, being rolled back or being made.
    public var sandboxes = 0
    /// Bytes of all sandboxes and all loaded snapshots: what `memoryLimit` limits.
    public var memoryByteCount = 0

    // Since the pool was made.

    /// Calls that ran, whatever became of them; a closure of `withSandbox` counts as one.
    public var calls: UInt64 = 0
    /// Of those: ended in a fault, or broke the ABI or the virtual machine.
    public var faults: UInt64 = 0
    /// Calls whose deadline passed, in the queue or while they ran.
    public var timeouts: UInt64 = 0
    /// Calls whose task was cancelled, in the queue or while they ran.
    public var cancellations: UInt64 = 0
    /// Calls refused because the queue was full.
    public var overloads: UInt64 = 0
    /// Returns to a snapshot, and the pages they brought back.
    public var rollbacks: UInt64 = 0
    public var pagesRestored: UInt64 = 0
    /// Sandboxes whose virtual machine was in doubt, or that could not be rolled back: thrown away.
    public var replacements: UInt64 = 0
    /// Idle sandboxes closed, and snapshots unloaded, to make room or because nobody called them.
    public var evictions: UInt64 = 0
}
