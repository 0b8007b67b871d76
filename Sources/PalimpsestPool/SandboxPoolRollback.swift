/// When a pool brings its sandboxes back to their snapshot.
public enum SandboxPoolRollback: Sendable, Hashable {
    /// After every call, and after every closure of `withSandbox`, before the sandbox is lent again.
    case everyCall
    /// Only after a call that poisoned the sandbox. Calls see what earlier ones left, in whatever sandbox they get: for
    /// functions without a state, or with one that is as good in any sandbox, such as a cache.
    case never
}
