import SystemPackage

/// Why a vCPU is not to be trusted again (KVM API, section 5).
package enum MachineLoss: Equatable, Sendable, CustomStringConvertible {
    /// An access to guest-physical memory that no slot backs, or a write to a read-only one.
    case memoryMappedIO(address: UInt64)
    /// A triple fault.
    case shutdown
    case entryFailed(reason: UInt64)
    case internalError(suberror: UInt32)
    case unexpectedExit(reason: UInt32)
    /// `KVM_RUN` failed; with `EFAULT`, KVM found no memory behind a page.
    case failed(Errno)

    package var description: String {
        switch self {
        case .memoryMappedIO(let address): "access to guest-physical \(hex(address))"
        case .shutdown: "the vCPU shut down (triple fault)"
        case .entryFailed(let reason): "the processor refused the guest's state (reason \(hex(reason)))"
        case .internalError(let suberror): "KVM internal error, suberror \(suberror)"
        case .unexpectedExit(let reason): "unexpected KVM exit reason \(reason)"
        case .failed(.badAddress): "KVM_RUN: guest memory is gone"
        case .failed(let errno): "KVM_RUN: \(errno)"
        }
    }
}
