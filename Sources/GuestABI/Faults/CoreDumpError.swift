import MicroVM

/// Why there is no core dump. Nothing is left of the file, and the sandbox is as it was.
public enum CoreDumpError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The sandbox is running a call.
    case callInProgress
    /// The virtual machine can no longer be trusted: there is nothing to be had from it.
    case unrecoverable
    /// The processor's registers cannot be read.
    case processorUnreadable(reason: String)
    /// The dump would have more bytes, or the file would be larger, than the limit allows.
    case tooLarge(byteCount: Int, limit: Int)
    /// As many dumps as the policy allows have been written.
    case countReached(limit: Int)
    /// The file or its folder cannot be opened, written or renamed: no permission, no space.
    case unwritable(path: String, reason: String)

    public var description: String {
        switch self {
        case .callInProgress: "The sandbox is running a call: no core can be written before it has ended."
        case .unrecoverable: "The virtual machine can no longer be trusted: there is no state to write a core of."
        case .processorUnreadable(let reason): "The processor's registers cannot be read: \(reason)."
        case .tooLarge(let byteCount, let limit):
            "The core has \(byteCount) bytes; at most \(limit) are allowed. Raise the limit (and ulimit -f)."
        case .countReached(let limit): "\(limit) cores have been written, as many as the policy allows."
        case .unwritable(let path, let reason): "Core \(path) cannot be written: \(reason)."
        }
    }
}
