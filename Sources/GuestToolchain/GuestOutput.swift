import Foundation

/// Where a guest goes: a regular file, or a name that nothing has. It appears there whole or not at all, by rename.
///
/// A rename takes the place of anything but a folder: of a device, of a FIFO, of a source. So what has the name is looked
/// at first, before anything is compiled.
struct GuestOutput {
    private let path: String

    /// - Throws: `outputNotAFile`, `outputIsSource`.
    init(_ path: String, sources: [String]) throws(GuestBuildError) {
        // A link stays what it is: the file that it leads to is replaced.
        let resolved = realpath(path, nil)
        defer { free(resolved) }
        self.path = resolved.map { String(cString: $0) } ?? path
        guard let status = GuestOutput.status(path) else { return }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .outputNotAFile(path) }
        let source = sources.first { source in
            guard let input = GuestOutput.status(source) else { return false }
            return input.st_dev == status.st_dev && input.st_ino == status.st_ino
        }
        if let source { throw .outputIsSource(output: path, source: source) }
    }

    /// Nil if there is nothing.
    private static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
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
