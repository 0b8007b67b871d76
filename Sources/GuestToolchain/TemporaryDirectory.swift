import Foundation

/// A private directory that is gone with its owner.
final class TemporaryDirectory {
    let path: String

    init() throws(GuestBuildError) {
        let base = FileManager.default.temporaryDirectory.path
        var template = Array((base + "/palimpsest-build-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .fileSystem(operation: "making a directory in", path: base, reason: String(cString: strerror(errno)))
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file, with the folders its relative path names, and returns its whole path.
    @discardableResult
    func write(_ relativePath: String, _ bytes: [UInt8]) throws(GuestBuildError) -> String {
        let url = URL(fileURLWithPath: path).appendingPathComponent(relativePath)
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: url)
        } catch {
            throw .fileSystem(operation: "writing", path: url.path, reason: error.localizedDescription)
        }
        return url.path
    }
}
