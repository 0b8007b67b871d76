import Glibc
import Logging
import Palimpsest

/// Sizes and limits of a pool.
public struct SandboxPoolConfiguration: Sendable {
    /// What the pool is called in metrics (label `pool`) and log lines.
    public var name: String
    /// How many sandboxes there are, of all snapshots together. The pool makes the lower bound in the background as
    /// soon as it has a snapshot; more, up to the upper bound, when calls wait; and closes those again that nobody has
    /// needed for `idleTimeLimit`. 1 to 16,384.
    ///
    /// No more sandboxes run at once than there are threads: more of them only help where there are several snapshots.
    public var sandboxCount: ClosedRange<Int>
    /// Threads that calls run on, all that are ever blocked by one: 1 to 256.
    public var threadCount: Int
    /// Threads that calls of one snapshot may take at a time: 1 to `threadCount`, or nil for all. Leave some, and a
    /// tenant's long calls never keep the others waiting.
    public var threadLimitPerSnapshot: Int?
    /// Calls waiting beyond those running: 0 to 1,048,576. With 0, a call that no thread is free for is refused.
    public var queueLimit: Int
    /// Answers that go back together while at least twice as many calls wait as there are threads, and the next is
    /// short (up to 50 us on average): 1 to 64; 1 sends each back by itself. Waking one of Swift's threads costs as
    /// much as the host's part of a short call, and one wake is enough for all of them. An answer is held for as many
    /// short calls at most; where long ones come in between, and whatever else happens, for 2 ms at most.
    public var answerGroupSize: Int
    /// Bytes of sandboxes' and loaded snapshots' memory; nil is no limit. Idle sandboxes, then snapshots that can be
    /// loaded again, are dropped to keep it, least recently used first. What calls that run write can exceed it until
    /// they end: heap, stack and scratch sizes limit that.
    ///
    /// A sandbox counts with the pages that its scratch memory really has and 1 MiB for the kernel's part of its
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
    /// What all guests may log together; nil is no limit. By default 16 times what a sandbox may: 16,000 lines and 4
    /// MiB a second.
    public var logLimit: GuestLogLimit?
    /// What the guests of one snapshot may log together, within that; nil is no limit. By default 4 times what a
    /// sandbox may. Each sandbox has `sandbox.logLimit` besides.
    public var logLimitPerSnapshot: GuestLogLimit?
    /// For the pool's own log lines: debug (a sandbox made, evicted), notice (shutdown), warning (a sandbox replaced or
    /// not to be had; at most 10 lines a second).
    public var logger: Logger

    public static let sandboxCountRange = 1...16_384
    public static let threadCountRange = 1...256
    public static let answerGroupSizeRange = 1...64
    public static let queueLimitRange = 0...1_048_576

    public init(
        sandboxCount: ClosedRange<Int> = 1...2 * processorCount, threadCount: Int = processorCount,
        threadLimitPerSnapshot: Int? = nil, queueLimit: Int = 1_024, memoryLimit: Int? = nil,
        rollback: SandboxPoolRollback = .everyCall, sandbox: SandboxConfiguration = .init(),
        callTimeLimit: Duration? = nil, idleTimeLimit: Duration = .seconds(60),
        name: String = "pool", logger: Logger = Logger(label: "palimpsest.pool"),
        logLimit: GuestLogLimit? = GuestLogLimit().times(16),
        logLimitPerSnapshot: GuestLogLimit? = GuestLogLimit().times(4), answerGroupSize: Int = 16
    ) {
        self.name = name
        self.sandboxCount = sandboxCount
        self.threadCount = threadCount
        self.threadLimitPerSnapshot = threadLimitPerSnapshot
        self.queueLimit = queueLimit
        self.answerGroupSize = answerGroupSize
        self.memoryLimit = memoryLimit
        self.rollback = rollback
        self.sandbox = sandbox
        self.callTimeLimit = callTimeLimit
        self.idleTimeLimit = idleTimeLimit
        self.logger = logger
        self.logLimit = logLimit
        self.logLimitPerSnapshot = logLimitPerSnapshot
    }

    /// So many sandboxes, no fewer and no more.
    public init(sandboxCount: Int, threadCount: Int = processorCount) {
        self.init(sandboxCount: sandboxCount...sandboxCount, threadCount: threadCount)
    }

    /// Processors that are online (sysconf(3)).
    public static var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// - Throws: `SandboxPoolError.invalidConfiguration`, naming the first number that is out of range.
    func validate() throws(SandboxPoolError) {
        let numbers = [
            ("sandboxCount", sandboxCount.lowerBound, SandboxPoolConfiguration.sandboxCountRange),
            ("sandboxCount", sandboxCount.upperBound, SandboxPoolConfiguration.sandboxCountRange),
            ("threadCount", threadCount, SandboxPoolConfiguration.threadCountRange),
            ("threadLimitPerSnapshot", threadLimitPerSnapshot ?? threadCount, 1...max(1, threadCount)),
            ("queueLimit", queueLimit, SandboxPoolConfiguration.queueLimitRange),
            ("answerGroupSize", answerGroupSize, SandboxPoolConfiguration.answerGroupSizeRange),
            ("memoryLimit", memoryLimit ?? .max, PooledSandbox.expectedByteCount...Int.max),
            ("callTimeLimit (seconds)", callTimeLimit.map(\.wholeSeconds) ?? 1, 1...Int.max),
            ("idleTimeLimit (seconds)", idleTimeLimit.wholeSeconds, 1...Int.max),
        ]
        for (name, value, range) in numbers where !range.contains(value) {
            let end = range.upperBound == .max ? "or more" : "to \(range.upperBound)"
            throw .invalidConfiguration(name: name, value: value, expected: "\(range.lowerBound) \(end)")
        }
        try validateLogLimits()
        let most = MachineCapacity.sandboxCount
        guard sandboxCount.lowerBound <= most else {
            throw .invalidConfiguration(
                name: "sandboxCount", value: sandboxCount.lowerBound,
                expected:
                    "at most \(most): what this process's descriptors (ulimit -n) and the free memory are enough for")
        }
    }
}

extension SandboxPoolConfiguration {
    private func validateLogLimits() throws(SandboxPoolError) {
        do throws(SandboxError) {
            try logLimit?.validate("logLimit")
            try logLimitPerSnapshot?.validate("logLimitPerSnapshot")
            try sandbox.logLimit?.validate("sandbox.logLimit")
        } catch {
            throw .sandbox(error)
        }
    }

    /// For the sandboxes of one snapshot, within what all may log.
    func sandbox(of snapshot: String, within budget: GuestLogBudget?) -> SandboxConfiguration {
        var configuration = sandbox
        configuration.logger[metadataKey: "pool"] = "\(name)"
        configuration.logger[metadataKey: "snapshot"] = "\(snapshot)"
        let outer = budget ?? sandbox.logBudget
        configuration.logBudget = logLimitPerSnapshot.map { GuestLogBudget(validated: $0, within: outer) } ?? outer
        return configuration
    }
}

extension Duration {
    /// Rounded up; zero for what is not above zero.
    fileprivate var wholeSeconds: Int { self > .zero ? max(1, Int(components.seconds)) : 0 }
}
