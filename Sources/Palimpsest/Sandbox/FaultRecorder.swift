import GuestABI

/// What is done about a guest that has faulted while it still is as it was: a core dump.
package protocol FaultRecorder: Sendable {
    /// - Throws: `SandboxError.invalidConfiguration`
    func validate() throws(SandboxError)

    /// Called on the thread of the call, which has ended: the sandbox is claimed, and its vCPU does not run. Nothing
    /// that goes wrong changes anything about the fault.
    /// - Returns: the path of the core; nil if there was to be none.
    func record(_ fault: GuestFault, of sandbox: Sandbox) -> Result<String, CoreDumpError>?
}
