import Glibc
import Logging
import NIOCore

/// How many descriptors this process may have (RLIMIT_NOFILE), and how many connections that is enough for.
enum DescriptorLimit {
    /// For what is opened now and then, and for the threads that wait for connections.
    private static let reserve = 32 + 4 * System.coreCount
    /// docs/security.md, Limits.
    static let perSandbox = 4

    /// Raises the soft limit to the hard one, which is what it is for: the soft one is low for programs that keep
    /// descriptors in a set of fixed size (select(2)), as this one does not.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// As many of the connections asked for as there can be, with a warning if those are fewer.
    /// - Parameter others: descriptors that will be opened for something else.
    static func connectionCount(atMost count: Int, others: Int, logger: Logger) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return count }
        let total = Int(clamping: limit.rlim_cur)
        let possible = max(1, total - openCount - others - reserve)
        guard possible < count else { return count }
        logger.warning(
            "--max-connections: at most \(possible) instead of \(count): there are \(total) descriptors (ulimit -n)")
        return possible
    }

    /// Of this process.
    private static var openCount: Int {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return count
    }
}
