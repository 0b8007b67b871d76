import MicroVM

/// Whoever answers a sandbox's exits in its place: a debugger. What it does not want for itself it passes on, to
/// `Sandbox.answer`.
package protocol ExitInterceptor: AnyObject {
    /// A call is about to enter the guest for the first time.
    func begin() throws(SandboxError)

    /// Answers an exit; returns if the guest is to be resumed.
    func answer(_ exit: GuestExit) throws(SandboxError)
}
