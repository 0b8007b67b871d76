import Glibc
import GuestToolchain
import ToolSupport

/// A directory in which the demo builds its guests; gone when the demo is over.
final class DemoWorkshop {
    private let path: String
    private var files: [String] = []

    init() throws(ToolError) {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/palimpsest-demo-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw ToolError(
                .badFile, kind: "fileUnwritable",
                "No directory can be made in \(base): \(String(cString: strerror(errno))). Set TMPDIR to one that can "
                    + "be written to.")
        }
        path = String(cString: made)
    }

    deinit {
        for file in files { unlink(file) }
        rmdir(path)
    }

    /// Builds the example guest of that name; returns the ELF's path.
    func build(_ name: String) throws(ToolError) -> String {
        guard let example = ExampleGuest.all.first(where: { $0.name == name }) else {
            throw ToolError(.failure, kind: "internal", "There is no example guest '\(name)' in this program.")
        }
        // The name matters: top-level code has to be in a main.swift.
        let source = "\(path)/\(example.fileName)"
        let output = "\(path)/\(name).elf"
        try write(example.source, to: source)
        files += [source, output]
        do throws(GuestBuildError) {
            try GuestCompiler().build(sources: [source], output: output)
        } catch {
            throw ToolError(error)
        }
        return output
    }

    private func write(_ bytes: [UInt8], to file: String) throws(ToolError) {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw unwritable(file) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw unwritable(file) }
            rest = rest.dropFirst(count)
        }
    }

    private func unwritable(_ file: String) -> ToolError {
        ToolError(
            .badFile, kind: "fileUnwritable", "File \(file) cannot be written: \(String(cString: strerror(errno))).")
    }
}
