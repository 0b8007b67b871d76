import Glibc
import ToolSupport

/// Files the tool writes.
enum OutputFile {
    /// Writes `text` and a newline to a new file, or in place of one.
    static func write(_ text: String, to path: String) throws(ToolError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw unwritable(path) }
        var rest = (Array(text.utf8) + [UInt8(ascii: "\n")])[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = unwritable(path)
                close(descriptor)
                throw error
            }
            rest = rest.dropFirst(count)
        }
        guard close(descriptor) == 0 else { throw unwritable(path) }
    }

    private static func unwritable(_ path: String) -> ToolError {
        ToolError(
            .badFile, kind: "fileUnwritable", "File \(path) cannot be written: \(String(cString: strerror(errno))).")
    }
}
