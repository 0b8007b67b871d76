import SystemPackage

/// Why `KVM_RUN` came back (KVM API, section 5), as far as this engine's guests can cause it.
enum VirtualCPUExit: Equatable {
    /// A one-byte `out` from ring 3 to one of the ABI's ports.
    case guestPort(UInt16)
    /// An exception stub's `out`: the vector. Only ring 0 code, which is ours, can cause it.
    case exception(vector: UInt8)
    /// Any other port access: `in`, string or wide, or a forged exception port.
    case forbiddenPort(UInt16)
    /// A signal, or `immediate_exit`.
    case interrupted
    /// An access to guest-physical memory that no slot backs, or a write to a read-only one.
    case memoryMappedIO(address: UInt64)
    /// After these a vCPU is not to be trusted again.
    case shutdown
    case entryFailed(reason: UInt64)
    case internalError(suberror: UInt32)
    case unexpected(reason: UInt32)
    case failed(Errno)

    /// Whether the vCPU is not to be trusted again.
    var leavesDoubt: Bool {
        switch self {
        case .guestPort, .exception, .forbiddenPort, .interrupted: false
        case .memoryMappedIO, .shutdown, .entryFailed, .internalError, .unexpected, .failed: true
        }
    }
}
