/// What the last failed host function of a call left behind, in case the guest does not handle it.
///
/// Forgetting it, which every call begins with, is a store: the error itself stays until another one takes its place.
struct PendingHostError {
    private var error: SandboxError?
    private var isSet = false

    mutating func set(_ error: SandboxError) {
        self.error = error
        isSet = true
    }

    mutating func forget() { isSet = false }

    /// The error, once.
    mutating func take() -> SandboxError? {
        guard isSet else { return nil }
        forget()
        return error
    }
}
