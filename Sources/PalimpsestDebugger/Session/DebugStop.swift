import Palimpsest

/// Why a debugged guest stands still.
public enum DebugStop: Sendable {
    /// The call is about to begin, or begins again after `rollBack`: no instruction has run.
    case callStart
    /// Before the instruction at a breakpoint.
    case breakpoint(address: UInt64)
    /// After the instruction that changed watched memory, which begins at `address`.
    case watchpoint(address: UInt64)
    /// After one instruction.
    case step
    /// `interrupt` was called.
    case interrupt
    /// Before a host function is called. The name is the guest's, escaped.
    case hostCall(name: String)
    /// Before the call ends with this error. Whatever comes next but `rollBack` ends it.
    case failure(SandboxError)
}
