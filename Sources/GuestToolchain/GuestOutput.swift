import Foundation

/// Where a guest goes: a regular file, or a name that nothing has. It appears there whole or not at all, by rename.
///
/// A rename takes the place of anything but a folder: of a device, of a FIFO, of a source. So what has the name is
/// looked at first: against the sources before anything is compiled, and once more, against all that the compilers have
/// read, before it is replaced.
struct GuestOutput {
    /// As it was given.
    private let name: String
    private let path: String

    init(_ name: String) {
        // A link stays what it is: the file that it leads to is replaced.
        let resolved = realpath(name, nil)
        defer { free(resolved) }
        self.name = name
        path = resolved.map { String(cString: $0) } ?? name
    }

    /// Refuses to take the place of what is no regular file, and of one of `inputs`.
    /// - Throws: `outputNotAFile`, `outputIsSource`.
    func check(against inputs: [String]) throws(GuestBuildError) {
        guard let output = GuestOutput.status(path) else {
            // A link that leads nowhere would not stay one.
            guard !GuestOutput.isLink(path) else { throw .outputNotAFile(name) }
            return
        }
        guard output.st_mode & S_IFMT == S_IFREG else { throw .outputNotAFile(name) }
        let same = inputs.first { path in
            guard let input = GuestOutput.status(path) else { return false }
            return input.st_dev == output.st_dev && input.st_ino == output.st_ino
        }
        if let same { throw .outputIsSource(output: name, source: same) }
    }

    /// Nil if there is nothing.
    private static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// Moves the finished image into place: into the same folder first, then by rename.
    /// - Throws: `fileSystem`.
    func place(_ image: String) throws(GuestBuildError) {
        let partial = "\(path).\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).partial"
        do {
            try FileManager.default.copyItem(atPath: image, toPath: partial)
        } catch {
            throw .fileSystem(operation: "writing", path: path, reason: error.localizedDescription)
        }
        guard rename(partial, path) == 0 else {
            let reason = String(cString: strerror(errno))
            try? FileManager.default.removeItem(atPath: partial)
            throw .fileSystem(operation: "writing", path: path, reason: reason)
        }
    }
}
