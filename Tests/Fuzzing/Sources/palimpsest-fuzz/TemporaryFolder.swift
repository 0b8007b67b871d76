import Foundation

/// A folder in memory, and gone with the value.
final class TemporaryFolder {
    let path = "/dev/shm/palimpsest-fuzz-\(getpid())-\(UUID().uuidString.prefix(8))"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func removeAll() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }
}
