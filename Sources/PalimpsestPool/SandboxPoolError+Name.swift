extension SandboxPoolError {
    /// The case's name, without its values, or that of the sandbox's error in it: for metrics, spans and programs.
    public var name: String {
        switch self {
        case .invalidConfiguration: "invalidConfiguration"
        case .threadUnavailable: "threadUnavailable"
        case .snapshotNameTaken: "snapshotNameTaken"
        case .unknownSnapshot: "unknownSnapshot"
        case .snapshotUnloadable: "snapshotUnloadable"
        case .memoryLimitReached: "memoryLimitReached"
        case .overloaded: "overloaded"
        case .deadlineExceededInQueue: "deadlineExceededInQueue"
        case .shutDown: "shutDown"
        case .cancelled: "cancelled"
        case .sandbox(let error): error.name
        case .body: "body"
        }
    }
}
