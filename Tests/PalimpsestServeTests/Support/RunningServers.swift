import Foundation
import Synchronization

/// Servers that have to end with the tests: nothing lets go of those that many tests share.
enum RunningServers {
    private static let identifiers = Mutex<Set<pid_t>>([])

    private static let endingThem: Void = {
        atexit { for identifier in RunningServers.identifiers.withLock({ $0 }) { kill(identifier, SIGKILL) } }
    }()

    static func add(_ identifier: pid_t) {
        endingThem
        _ = identifiers.withLock { $0.insert(identifier) }
    }

    static func remove(_ identifier: pid_t) {
        _ = identifiers.withLock { $0.remove(identifier) }
    }
}
