/// What a sandbox has done since it was made.
public struct SandboxStatistics: Sendable, Hashable {
    /// Calls begun, the guest's initialisation not counted.
    public var calls: UInt64 = 0
    /// `KVM_RUN` system calls.
    public var vcpuRuns: UInt64 = 0
    /// Page faults answered: first touches of zero-filled memory and copies on write.
    public var pageFaults: UInt64 = 0
    /// Snapshot pages copied because the guest wrote to them.
    public var pagesCopied: UInt64 = 0
    /// Returns to a snapshot, and the pages they brought back.
    public var rollbacks: UInt64 = 0
    public var pagesRestored: UInt64 = 0
    /// Host functions called.
    public var hostCalls: UInt64 = 0
    /// Virtual machines given up because a call could not be entered in them, and made in another one.
    public var machinesReplaced: UInt64 = 0
}
