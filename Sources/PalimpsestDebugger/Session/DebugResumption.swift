/// How a stopped guest goes on.
public enum DebugResumption: Sendable, Hashable {
    case resume
    /// By one instruction.
    case step
    /// Back to the call's start: memory and registers. The next stop is `callStart`.
    case rollBack
    /// Breakpoints and watchpoints go; the call goes on without a debugger.
    case detach
    /// The call ends with `SandboxError.interrupted`; the status is `poisoned`.
    case kill
}
