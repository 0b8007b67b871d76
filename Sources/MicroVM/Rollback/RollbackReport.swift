/// What a `Sandbox.restore` did.
public struct RollbackReport: Sendable, Hashable {
    /// How: `copy`, `ioUring` or `replace`, never `automatic`.
    public var strategy: RollbackStrategy
    /// Pages brought back: all that calls have written since the sandbox got its page tables, from a snapshot or by
    /// `replace`.
    public var pages: Int
    /// How many of them were written for the first time since the last rollback.
    public var newPages: Int
    /// Whether the host sets the registers of the next call: always, but for some of a sandbox's with resident calls.
    public var isFull: Bool

    package init(strategy: RollbackStrategy, pages: Int, newPages: Int, isFull: Bool) {
        self.strategy = strategy
        self.pages = pages
        self.newPages = newPages
        self.isFull = isFull
    }
}
