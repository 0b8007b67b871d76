import Foundation

/// A file that goes with its owner.
final class TemporaryFile: Sendable {
    let path: String

    /// Filled with bytes that tell pages and offsets apart.
    init(byteCount: Int) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("palimpsest-\(UUID().uuidString)").path
        let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 / 4096 &* 31 &+ $0 % 251 &+ 1) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    deinit { unlink(path) }
}
