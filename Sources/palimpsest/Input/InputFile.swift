import Glibc
import ToolSupport

/// Files named on the command line.
enum InputFile {
    /// The contents, at most `limit` bytes.
    static func read(_ path: String, limit: Int) throws(ToolError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, reason) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, reason) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= limit else { throw unreadable(path, "more than \(Quantity.bytes(UInt64(limit)))") }
        }
    }

    /// The size in bytes; nil if there is no such file.
    static func byteCount(of path: String) -> UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_size) : nil
    }

    /// The path from the root, links followed; as it is if there is no such file.
    static func absolutePath(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static var reason: String { String(cString: strerror(errno)) }

    private static func unreadable(_ path: String, _ reason: String) -> ToolError {
        ToolError(.badFile, kind: "fileUnreadable", "File \(path) cannot be read: \(reason).")
    }
}
