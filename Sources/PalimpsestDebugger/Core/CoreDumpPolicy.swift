import Glibc
import GuestABI
import Palimpsest
import Synchronization

/// When a guest faults, an ELF core of it is written to a folder: see docs/debugging.md.
///
///     var configuration = SandboxConfiguration()
///     configuration.coreDump = CoreDumpPolicy(directory: "/var/crash/guests", maximumCount: 4)
///
/// Copies of a policy count together: sandboxes, and pools with all their threads, that have been given the same one
/// write `maximumCount` cores at most, and none after that. A core holds all of a guest's memory, secrets included:
/// only the file's owner may read it.
public struct CoreDumpPolicy: FaultRecorder {
    /// An existing folder.
    public let directory: String
    /// The files' name, with `%p` for the process, `%n` for the core's number in this policy, from 1, and `%t` for the
    /// time, in seconds since 1970. Without `%n` the number comes behind it.
    public let namePattern: String
    /// Cores that are written at most: 1 and more.
    public let maximumCount: Int
    /// Bytes that a core may have, holes not counted.
    public let byteLimit: Int

    private let counter = Counter()

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }

    public init(
        directory: String, namePattern: String = "core.%p.%n", maximumCount: Int = 16, byteLimit: Int = 1 << 30
    ) {
        self.directory = directory
        self.namePattern = namePattern
        self.maximumCount = maximumCount
        self.byteLimit = byteLimit
    }

    /// - Throws: `SandboxError.invalidConfiguration`
    package func validate() throws(SandboxError) {
        guard maximumCount >= 1 else {
            throw .invalidConfiguration(
                name: "coreDump.maximumCount", value: maximumCount, expected: "1 and more; no policy for none")
        }
        guard byteLimit >= 1 else {
            throw .invalidConfiguration(name: "coreDump.byteLimit", value: byteLimit, expected: "1 and more")
        }
        guard !namePattern.isEmpty, !namePattern.utf8.contains(UInt8(ascii: "/")), namePattern.utf8.count <= 128 else {
            throw .invalidConfiguration(
                name: "coreDump.namePattern", value: namePattern.utf8.count,
                expected: "a file name of 1 to 128 bytes without '/'")
        }
    }

    /// Writes a core of a guest that has faulted. One that cannot be written is said so in the log, and in the fault.
    package func record(_ fault: GuestFault, of sandbox: Sandbox) -> Result<String, CoreDumpError>? {
        do throws(CoreDumpError) {
            let path = try nextPath()
            try CoreWriter(sandbox).write(to: path, byteLimit: byteLimit, fault)
            return .success(path)
        } catch {
            sandbox.configuration.logger.warning("\(error)")
            return .failure(error)
        }
    }

    /// The path of the next core. Counted even if it cannot be written: a full disk is not tried for ever.
    func nextPath() throws(CoreDumpError) -> String {
        let (previous, _) = counter.value.add(1, ordering: .relaxed)
        guard previous < maximumCount else {
            counter.value.store(maximumCount, ordering: .relaxed)
            throw .countReached(limit: maximumCount)
        }
        return directory + "/" + name(number: previous + 1)
    }

    private func name(number: Int) -> String {
        let pattern = namePattern.contains("%n") ? namePattern : namePattern + ".%n"
        let values: [(String, String)] = [("%p", "\(getpid())"), ("%n", "\(number)"), ("%t", "\(time(nil))")]
        var name = pattern
        for (token, value) in values {
            name = name.split(separator: token, omittingEmptySubsequences: false).joined(separator: value)
        }
        return name
    }
}

extension SandboxConfiguration {
    /// Where a core of the guest is written when it faults; nil, as by default, is nowhere.
    public var coreDump: CoreDumpPolicy? {
        get { faultRecorder as? CoreDumpPolicy }
        set { faultRecorder = newValue }
    }
}
