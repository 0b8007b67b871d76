import Synchronization

/// What several sandboxes may log together: each has its own `SandboxConfiguration.logLimit`, and all of them this one.
///
/// Budgets nest: a line needs room in every one, from the sandbox's own outwards. A `SandboxPool` makes its own.
public final class GuestLogBudget: Sendable {
    private let rate: Mutex<LogRate>
    private let parent: GuestLogBudget?

    /// - Parameter limit: how much may be logged.
    /// - Parameter parent: what this one is part of.
    /// - Throws: `SandboxError.invalidConfiguration`.
    public convenience init(_ limit: GuestLogLimit, within parent: GuestLogBudget? = nil) throws(SandboxError) {
        try limit.validate("logLimit")
        self.init(validated: limit, within: parent)
    }

    /// - Parameter limit: has been validated.
    package init(validated limit: GuestLogLimit, within parent: GuestLogBudget?) {
        rate = Mutex(LogRate(limit))
        self.parent = parent
    }

    /// Whether a line of so many bytes may pass. One that an outer budget has no room for has used up this one's.
    package func take(byteCount: UInt64, now nanoseconds: UInt64) -> Bool {
        guard rate.withLock({ $0.take(byteCount: byteCount, now: nanoseconds) }) else { return false }
        return parent?.take(byteCount: byteCount, now: nanoseconds) ?? true
    }
}
