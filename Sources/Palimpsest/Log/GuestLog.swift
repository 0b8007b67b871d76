import CPalimpsest
import GuestABI
import Logging

/// A guest's log lines on their way to the embedder's `Logger`.
///
/// A guest chooses a line's level and text, and nothing else: length limited, control characters escaped, its number a
/// second limited. The metadata is the host's: it can forge neither a line of the host's nor one of another sandbox.
/// Lines below the logger's level, and lines beyond the limits, are not even read.
package final class GuestLog {
    /// Reports of dropped lines are at least so far apart, whatever the guest does: 1 s, in nanoseconds.
    private static let reportInterval: UInt64 = 1_000_000_000

    private var logger: Logger
    private var rate: LogRate?
    private let budget: GuestLogBudget?
    private var lastReportTime: UInt64 = 0
    /// Lines that have reached the logger.
    private(set) var writtenLineCount: UInt64 = 0
    /// Lines dropped since the last report.
    private var droppedLineCount: UInt64 = 0

    /// - Parameter sandbox: `Sandbox.id`.
    init(_ configuration: SandboxConfiguration, sandbox: UInt64, guest: String?) {
        var logger = configuration.logger
        logger[metadataKey: "sandbox"] = "\(sandbox)"
        self.logger = logger
        rate = configuration.logLimit.map(LogRate.init)
        budget = configuration.logBudget
        self.guest = guest
        nameGuest()
    }

    /// What the guest is called, if it is called something.
    package var guest: String? {
        didSet { if guest != oldValue { nameGuest() } }
    }

    private func nameGuest() { logger[metadataKey: "guest"] = guest.map { "\(GuestText.escaped($0))" } }

    deinit {
        if hasDropped { report(function: nil) }
    }

    var hasDropped: Bool { droppedLineCount != 0 }

    /// Whether a line of that level and length is to be read and written; counts it if it is dropped.
    /// - Parameter function: the guest function that runs.
    func admits(_ level: UInt32, byteCount: UInt64, function: String?) -> Bool {
        guard logger.logLevel <= GuestLog.level(level) else { return false }
        let now = pal_monotonic_nanoseconds()
        // Taken from first to last: what one sandbox has no room for costs the others nothing.
        guard rate?.take(byteCount: byteCount, now: now) ?? true,
            budget?.take(byteCount: byteCount, now: now) ?? true
        else {
            droppedLineCount &+= 1
            return false
        }
        if hasDropped { reportIfDue(now: now, function: function) }
        return true
    }

    package func write(_ bytes: [UInt8], level: UInt32, function: String?) {
        writtenLineCount &+= 1
        logger.log(
            level: GuestLog.level(level), "\(GuestText.escaped(String(decoding: bytes, as: UTF8.self)))",
            metadata: metadata(function))
    }

    /// Says how many lines have been dropped at the end of a call, unless it has just done so.
    func noteEnd(function: String?) {
        if hasDropped { reportIfDue(now: pal_monotonic_nanoseconds(), function: function) }
    }

    private func reportIfDue(now: UInt64, function: String?) {
        guard lastReportTime == 0 || now &- lastReportTime >= GuestLog.reportInterval else { return }
        lastReportTime = now
        report(function: function)
    }

    private func report(function: String?) {
        var metadata = metadata(function) ?? [:]
        metadata["dropped"] = "\(droppedLineCount)"
        let lines = droppedLineCount == 1 ? "1 line" : "\(droppedLineCount) lines"
        logger.warning("\(lines) of the guest's log dropped: more than its limit", metadata: metadata)
        droppedLineCount = 0
    }

    private func metadata(_ function: String?) -> Logger.Metadata? { function.map { ["function": "\($0)"] } }

    static func level(_ level: UInt32) -> Logger.Level {
        switch Int32(bitPattern: level) {
        case PAL_LOG_TRACE: .trace
        case PAL_LOG_DEBUG: .debug
        case PAL_LOG_INFO: .info
        case PAL_LOG_NOTICE: .notice
        case PAL_LOG_WARNING: .warning
        case PAL_LOG_ERROR: .error
        default: .critical
        }
    }
}
