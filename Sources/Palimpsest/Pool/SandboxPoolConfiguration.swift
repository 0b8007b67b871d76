import Glibc
import Logging

/// Sizes and limits of a pool.
public struct SandboxPoolConfiguration: Sendable {
    /// How many sandboxes there are, of all snapshots together. The pool makes the lower bound in the background as soon
    /// as it has a snapshot; more, up to the upper bound, when calls wait; and closes those again that nobody has
    /// needed for `idleTimeLimit`. 1 to 16,384.
    ///
    /// No more sandboxes run at once than there are threads: more of them only help where there are several snapshots.
    public var sandboxCount: ClosedRange<Int>
    /// Threads that calls run on, all that are ever blocked by one: 1 to 256.
    public var threadCount: Int
    /// Threads that calls of one snapshot may take at a time: 1 to `threadCount`, or nil for all. Leave some, and a tenant's
    /// long calls never keep the others waiting.
    public var threadLimitPerSnapshot: Int?
    /// Calls waiting beyond those running: 0 to 1,048,576. With 0, a call that no thread is free for is refused.
    public var queueLimit: Int
    /// Bytes of sandboxes' and loaded snapshots' memory; nil is no limit. Idle sandboxes, then snapshots that can be
    /// loaded again, are dropped to keep it, least recently used first. What calls that run write can exceed it until
    /// they end: heap, stack and scratch sizes limit that.
    ///
    /// A sandbox counts with the pages that its scratch memory really has and 0.8 MiB for the kernel's part of its
    /// virtual machine; a snapshot with all bytes of its layers, those that several snapshots share once.
    public var memoryLimit: Int?
    /// When sandboxes are brought back to their snapshot.
    public var rollback: SandboxPoolRollback
    /// For the pool's sandboxes: all but the sizes, which are the snapshots'.
    public var sandbox: SandboxConfiguration
    /// How long calls without a deadline of their own may take, waiting included; nil is for ever.
    public var callTimeLimit: Duration?
    /// After what time without a call a sandbox beyond the lower bound is closed.
    public var idleTimeLimit: Duration
    /// For the pool's own log lines: debug (a sandbox made, evicted), notice (shutdown), warning (a sandbox replaced or not
    /// to be had; at most 10 lines a second).
    public var logger: Logger

    public static let sandboxCountRange = 1...16_384
    public static let threadCountRange = 1...256
    public static let queueLimitRange = 0...1_048_576

    public init(
        sandboxCount: ClosedRange<Int> = 1...2 * processorCount, threadCount: Int = processorCount,
        threadLimitPerSnapshot: Int? = nil, queueLimit: Int = 1_024, memoryLimit: Int? = nil,
        rollback: SandboxPoolRollback = .everyCall, sandbox: SandboxConfiguration = .init(),
        callTimeLimit: Duration? = nil, idleTimeLimit: Duration = .seconds(60),
        logger: Logger = Logger(label: "palimpsest.pool")
    ) {
        self.sandboxCount = sandboxCount
        self.threadCount = threadCount
        self.threadLimitPerSnapshot = threadLimitPerSnapshot
        self.queueLimit = queueLimit
        self.memoryLimit = memoryLimit
        self.rollback = rollback
        self.sandbox = sandbox
        self.callTimeLimit = callTimeLimit
        self.idleTimeLimit = idleTimeLimit
        self.logger = logger
    }

    /// So many sandboxes, no fewer and no more; 0 and less are refused by the pool.
    public init(sandboxCount: Int, threadCount: Int = processorCount) {
        self.init(sandboxCount: sandboxCount...sandboxCount, threadCount: threadCount)
    }

    /// Processors this process may run on (sched_getaffinity(2)), as sysconf(3) has them.
    public static var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
