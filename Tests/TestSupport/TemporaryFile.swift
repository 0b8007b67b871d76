import Foundation

/// A file that goes with its owner.
package final class TemporaryFile: Sendable {
    package let path: String

    /// Filled with bytes that tell pages and offsets apart.
    package convenience init(byteCount: Int) throws {
        try self.init(bytes: TemporaryFile.bytes(0..<byteCount))
    }

    package init(bytes: [UInt8]) throws {
        path = TemporaryFile.freePath()
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    /// What `init(byteCount:)` puts at some offsets.
    package static func bytes(_ offsets: Range<Int>) -> [UInt8] {
        offsets.map { UInt8(truncatingIfNeeded: $0 / 4096 &* 31 &+ $0 % 251 &+ 1) }
    }

    /// Where nothing is yet.
    package static func freePath() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("palimpsest-\(UUID().uuidString)").path
    }

    /// Makes the file shorter or longer, as anyone may who can write to it.
    package func resize(to byteCount: Int) throws {
        guard truncate(path, byteCount) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    }

    package func contents() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

    deinit { unlink(path) }
}
