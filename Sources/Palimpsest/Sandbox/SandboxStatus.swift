/// What a sandbox can be asked to do.
///
///     status          call, snapshot, mapFile            restore(snapshot)
///     ready           run                                -> ready
///     poisoned        throw .poisoned                    -> ready: memory is rolled back
///     unrecoverable   throw .unrecoverable               -> ready, in a virtual machine of its own
///
/// `exports`, `regions`, `statistics` and handles can be asked for at any time.
public enum SandboxStatus: String, Sendable, Hashable, CustomStringConvertible {
    /// Calls run.
    case ready
    /// A call ended in a fault, at its deadline, or interrupted: the guest's memory is in no known state.
    case poisoned
    /// The vCPU itself is in no known state.
    case unrecoverable

    public var description: String { rawValue }
}
