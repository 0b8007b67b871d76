import MicroVM

/// Why a debugger's wish was not granted. Nothing has changed.
public enum DebugError: Error, Sendable, CustomStringConvertible {
    /// The sandbox's own code and tables, guard pages, or nothing at all.
    case unreadable(address: UInt64, byteCount: UInt64)
    /// The guest may not write there either.
    case unwritable(address: UInt64, byteCount: UInt64)
    /// A breakpoint where no code of the guest's is.
    case notCode(address: UInt64)
    /// Watched memory is 1 to `DebugSession.maximumWatchedByteCount` bytes of the guest's.
    case invalidWatchpoint(address: UInt64, byteCount: Int)
    /// No more than `DebugSession.maximumWatchpointCount`.
    case tooManyWatchpoints
    /// No more than `DebugSession.maximumBreakpointCount`.
    case tooManyBreakpoints
    /// The scratch memory has no page left for a private copy.
    case scratchExhausted
    /// KVM refused.
    case machine(MachineError)

    public var description: String {
        switch self {
        case .unreadable(let address, let byteCount):
            "\(byteCount) bytes at \(hex(address)) are not all memory the guest can read."
        case .unwritable(let address, let byteCount):
            "\(byteCount) bytes at \(hex(address)) are not all memory the guest can write."
        case .notCode(let address): "There is no code of the guest's at \(hex(address))."
        case .invalidWatchpoint(let address, let byteCount):
            "A watchpoint is on 1 to \(DebugSession.maximumWatchedByteCount) bytes of the guest's memory: found "
                + "\(byteCount) at \(hex(address))."
        case .tooManyWatchpoints: "More than \(DebugSession.maximumWatchpointCount) watchpoints. Delete some."
        case .tooManyBreakpoints: "More than \(DebugSession.maximumBreakpointCount) breakpoints. Delete some."
        case .scratchExhausted: "No scratch memory is left for a private copy of the page. Raise scratchByteCount."
        case .machine(let error): error.description
        }
    }
}
