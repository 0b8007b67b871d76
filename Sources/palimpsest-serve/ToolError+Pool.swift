import Palimpsest
import PalimpsestPool
import ToolSupport

extension ToolError {
    /// What an error of the pool means when the server starts. Guests choose parts of these messages.
    init(_ error: SandboxPoolError) {
        let (exit, kind): (ToolExit, String)
        switch error {
        case .sandbox(let error):
            self.init(error)
            return
        case .invalidConfiguration, .memoryLimitReached: (exit, kind) = (.usage, "invalidConfiguration")
        case .threadUnavailable: (exit, kind) = (.unavailable, "threadUnavailable")
        case .snapshotNameTaken: (exit, kind) = (.usage, "snapshotNameTaken")
        case .snapshotUnloadable: (exit, kind) = (.badFile, "snapshotUnloadable")
        default: (exit, kind) = (.failure, "pool")
        }
        self.init(exit, kind: kind, Terminal.escaped(error.description))
    }
}
