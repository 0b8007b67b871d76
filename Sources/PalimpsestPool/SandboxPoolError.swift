import Palimpsest

/// Everything that can become of a call to a pool but its result. A call is answered exactly once, and the pool goes
/// on.
public enum SandboxPoolError: Error, Sendable, CustomStringConvertible {
    // Making a pool: there is none afterwards.

    /// A number of the configuration is out of range, or more than this machine and process can hold.
    case invalidConfiguration(name: String, value: Int, expected: String)
    /// A thread cannot be started. `errno` is pthread_create(3)'s.
    case threadUnavailable(errno: Int32)

    // Snapshots.

    /// A snapshot of that name is there already.
    case snapshotNameTaken(name: String)
    /// No snapshot of that name; `available` are at most 32 of those there are.
    case unknownSnapshot(name: String, available: [String])
    /// The closure that loads the snapshot threw.
    case snapshotUnloadable(name: String, error: any Error)
    /// Nothing can be evicted any more, and there is still no room for one sandbox of the snapshot.
    case memoryLimitReached(byteCount: Int, limit: Int)

    // The call never ran.

    /// The queue is full. With several snapshots, the one with the longest queue gives way: its newest call ends so.
    case overloaded(waiting: Int, limit: Int)
    /// The deadline passed while the call waited, or before.
    case deadlineExceededInQueue
    /// The pool is shut down; or its deadline for that passed while the call waited or ran.
    case shutDown

    // The call may have run.

    /// The task was cancelled.
    case cancelled(whileRunning: Bool)
    /// What the call, or making a sandbox for it, ended in.
    case sandbox(SandboxError)
    /// What the closure of `withSandbox` threw that is not a `SandboxError`.
    case body(any Error)
}

extension SandboxPoolError {
    public var description: String {
        switch self {
        case .invalidConfiguration(let name, let value, let expected):
            "Pool configuration: \(name) is \(value); expected \(expected)."
        case .threadUnavailable(let errno):
            "A thread of the pool cannot be started (errno \(errno)). Lower threadCount, or raise the limit (ulimit -u)."
        case .snapshotNameTaken(let name): "The pool has a snapshot '\(name)' already. Remove it first."
        case .unknownSnapshot(let name, let available):
            "The pool has no snapshot '\(name)'. It has: \(available.isEmpty ? "none" : available.joined(separator: ", "))."
        case .snapshotUnloadable(let name, let error): "Snapshot '\(name)' cannot be loaded: \(error)"
        case .memoryLimitReached(let byteCount, let limit):
            "Another sandbox would bring the pool to \(byteCount) bytes; memoryLimit is \(limit). Raise it."
        case .overloaded(let waiting, let limit):
            "The pool is overloaded: \(waiting) calls wait, queueLimit is \(limit). Call again later."
        case .deadlineExceededInQueue: "The call's deadline passed before it could run."
        case .shutDown: "The pool is shut down."
        case .cancelled(let whileRunning):
            whileRunning ? "The call was cancelled and stopped." : "The call was cancelled."
        case .sandbox(let error): error.description
        case .body(let error): "The closure of withSandbox threw: \(error)"
        }
    }
}
