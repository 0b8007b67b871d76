import Glibc
import ToolSupport

/// Files the tool writes.
enum OutputFile {
    /// Writes `text` and a newline to a new file, or in place of one.
    static func write(_ text: String, to path: String) throws(ToolError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0o644)
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

    /// Refuses an output that is one of the inputs, whatever both of them are called.
    /// - Parameter isReplaced: whether it takes the place of what is there: then that has to be a regular file, and no
    ///   link to one either. `/dev/stdout` is a link, and everybody's.
    static func check(_ path: String, against inputs: [String], isReplaced: Bool) throws(ToolError) {
        for input in inputs {
            guard let output = status(path), let status = status(input), status.st_dev == output.st_dev,
                status.st_ino == output.st_ino, status.st_mode & S_IFMT == S_IFREG
            else { continue }
            throw ToolError(
                .usage, kind: "outputIsInput",
                "The output \(Terminal.escaped(path)) is the input \(Terminal.escaped(input)): name another file.")
        }
        guard !isReplaced || isRegularOrFree(path) else {
            throw ToolError(
                .badFile, kind: "outputNotAFile",
                "\(Terminal.escaped(path)) is no regular file: name one, or one that is not there.")
        }
    }

    /// Nil if there is nothing.
    private static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    private static func isRegularOrFree(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
    }

    private static func unwritable(_ path: String) -> ToolError {
        ToolError(
            .badFile, kind: "fileUnwritable", "File \(path) cannot be written: \(String(cString: strerror(errno))).")
    }
}
