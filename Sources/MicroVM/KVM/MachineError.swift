import SystemPackage

/// Something the machine refused: KVM, memory or descriptors. One case a cause; the description says what to do.
public enum MachineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// `/dev/kvm` is not there or does not answer.
    case kvmUnavailable(path: String, errno: Errno)
    /// `/dev/kvm` is there, but this process may not open it.
    case kvmPermissionDenied(path: String)
    /// KVM lacks something the engine cannot do without.
    case kvmCapabilityMissing(name: String)
    /// The process has no descriptor left; a sandbox takes four.
    case tooManyOpenFiles(operation: String)
    /// The system has no memory left for a segment or a virtual machine.
    case outOfMemory(operation: String)
    /// Any other system call that failed.
    case systemCall(operation: String, errno: Errno)

    package init(_ operation: String, _ errno: Errno) {
        switch errno {
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem: self = .tooManyOpenFiles(operation: operation)
        case .noMemory: self = .outOfMemory(operation: operation)
        default: self = .systemCall(operation: operation, errno: errno)
        }
    }

    public var description: String {
        switch self {
        case .kvmUnavailable(let path, let errno):
            "KVM is not available: \(path) cannot be opened (\(errno)). Load kvm_intel, kvm_amd or kvm_pvm, "
                + "enable virtualization in the firmware, or pass \(path) into the container."
        case .kvmPermissionDenied(let path):
            "No permission on \(path). Add this user to the group that owns it (usually: usermod -aG kvm USER), "
                + "or run as root."
        case .kvmCapabilityMissing(let name):
            "KVM here lacks \(name), which the engine needs. Run a newer kernel; palimpsest doctor lists all that "
                + "is needed."
        case .tooManyOpenFiles(let operation):
            "\(operation): too many open files. A sandbox takes four descriptors; raise the limit (ulimit -n)."
        case .outOfMemory(let operation):
            "\(operation): out of memory. Lower the sandbox's sizes or the number of sandboxes, or add memory."
        case .systemCall(let operation, let errno):
            "\(operation) failed: \(errno)."
        }
    }
}
