import ArgumentParser
import Logging
import Palimpsest
import PalimpsestPool
import ToolSupport

/// The pool of sandboxes. What is out of range the engine refuses, and says so.
struct PoolOptions: ParsableArguments {
    enum Rollback: String, ExpressibleByArgument, CaseIterable {
        case everyCall = "every-call"
        case never
    }

    @Option(
        help: ArgumentHelp(
            "Sandboxes of all snapshots together: a number, or two to scale between. "
                + "(default: 1 to twice the processors)", valueName: "count|from-to"))
    var pool: CountRange?

    @Option(help: ArgumentHelp("Calls that run at a time. (default: the processors)", valueName: "count"))
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "Of those, calls of one snapshot, so that its long ones never keep the others waiting. (default: all)",
            valueName: "count"))
    var threadsPerSnapshot: Int?

    @Option(help: ArgumentHelp("Calls that may wait; more are refused.", valueName: "count"))
    var queue = 1_024

    @Option(
        help: ArgumentHelp(
            "Memory of the sandboxes and of the snapshots, which are then loaded when they are called, and dropped "
                + "least recently used first. (default: no limit)", valueName: "size"),
        transform: ByteCount.parse)
    var memoryLimit: Int?

    @Option(
        help: ArgumentHelp(
            "When sandboxes are rolled back: every-call, or never, and calls see what earlier ones left in the sandbox "
                + "they happen to get.", valueName: "when"))
    var rollback = Rollback.everyCall

    func configuration(sandbox: SandboxConfiguration) -> SandboxPoolConfiguration {
        var configuration = SandboxPoolConfiguration()
        if let pool { configuration.sandboxCount = pool.range }
        if let threads { configuration.threadCount = threads }
        configuration.threadLimitPerSnapshot = threadsPerSnapshot
        configuration.queueLimit = queue
        configuration.memoryLimit = memoryLimit
        configuration.rollback = rollback == .never ? .never : .everyCall
        configuration.sandbox = sandbox
        configuration.logger = Logger(label: "palimpsest.pool")
        return configuration
    }
}
