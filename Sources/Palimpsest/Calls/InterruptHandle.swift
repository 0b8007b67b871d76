/// Stops a sandbox's call from any thread. Good for as long as anyone keeps it, the sandbox alive or not.
public struct InterruptHandle: Sendable {
    package let control: CallControl

    /// Stops the call in progress, which then throws `SandboxError.interrupted` and leaves the sandbox `poisoned`.
    ///
    /// A call that is just returning may still return its result.
    /// - Returns: false if no call was in progress; the next call is not affected.
    @discardableResult
    public func interrupt() -> Bool { control.interrupt() }
}
