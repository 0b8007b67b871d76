import Foundation

/// A folder in memory, and gone with the value. libFuzzer ends a process where it is: `run` clears away what is left
/// then.
final class TemporaryFolder {
    private static let parent = getenv("PALIMPSEST_FUZZ_MEMORY").map { String(cString: $0) } ?? "/dev/shm"

    let path = "\(parent)/palimpsest-fuzz-\(UUID().uuidString)"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func removeAll() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }
}
