/// Why a guest could not be built.
public enum GuestBuildError: Error, Sendable, CustomStringConvertible {
    /// A tool of the Swift toolchain is not where it should be.
    case toolNotFound(name: String, searched: String)
    case noSources
    case sourceNotFound(String)
    case unknownSourceKind(String)
    /// Something that is no regular file has the output's name.
    case outputNotAFile(String)
    /// The output is a file that was read for it: a source, a header that one includes, a library.
    case outputIsSource(output: String, source: String)
    /// The Embedded Swift libraries for bare-metal x86-64 are not in the toolchain.
    case embeddedLibraryNotFound(String)
    /// A tool ran and refused; `diagnostics` is what it printed.
    case toolFailed(name: String, status: Int32, diagnostics: String)
    case fileSystem(operation: String, path: String, reason: String)

    public var description: String {
        switch self {
        case .toolNotFound(let name, let searched):
            "\(name) not found in \(searched). Install a Swift 6.3 toolchain and put its usr/bin into PATH."
        case .noSources: "no source files; name at least one .c, .S or .swift file"
        case .sourceNotFound(let path): "source file \(path) not found"
        case .unknownSourceKind(let path): "\(path): expected a .c, .S or .swift file"
        case .outputNotAFile(let path): "\(path) is no regular file: name one, or one that is not there"
        case .outputIsSource(let output, let source):
            "the output \(output) is \(source), which the guest is made of: name another file"
        case .embeddedLibraryNotFound(let path):
            "\(path) not found: this Swift toolchain has no Embedded Swift for x86_64-unknown-none-elf"
        case .toolFailed(let name, let status, let diagnostics):
            "\(name) failed (exit status \(status))"
                + (MissingParts(diagnostics).description.map { ": \($0)" } ?? "") + ":\n\(diagnostics)"
        case .fileSystem(let operation, let path, let reason): "\(operation) \(path): \(reason)"
        }
    }
}
