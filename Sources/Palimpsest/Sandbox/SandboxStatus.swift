/// What a sandbox can be asked to do.
public enum SandboxStatus: String, Sendable, Hashable, CustomStringConvertible {
    /// Calls run.
    case ready
    /// A call ended in a fault, at its deadline, or interrupted: the guest's memory is in no known state.
    case poisoned
    /// The vCPU itself is in no known state.
    case unrecoverable

    public var description: String { rawValue }
}
