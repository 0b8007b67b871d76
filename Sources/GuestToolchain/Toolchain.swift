import Foundation

/// The compilers and the linker of one Swift toolchain.
struct Toolchain: Sendable {
    static let embeddedTarget = "x86_64-unknown-none-elf"

    let clang: Tool
    let swiftc: Tool
    let linker: Tool
    /// `usr/lib/swift/embedded/x86_64-unknown-none-elf`
    let embeddedLibraries: String

    /// The toolchain of the `swiftc` in `PATH`.
    init() throws(GuestBuildError) {
        let search = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        let candidates = search.split(separator: ":").map { $0 + "/swiftc" }
        guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: String($0)) }) else {
            throw .toolNotFound(name: "swiftc", searched: "PATH (\(search))")
        }
        let bin = URL(fileURLWithPath: String(found)).resolvingSymlinksInPath().deletingLastPathComponent()
        // swiftc is a link to swift-frontend or swift-driver in the same folder: call it by its own name.
        swiftc = try Toolchain.tool("swiftc", in: bin)
        clang = try Toolchain.tool("clang", in: bin)
        linker = try Toolchain.tool("ld.lld", in: bin)
        embeddedLibraries =
            bin.deletingLastPathComponent()
            .appendingPathComponent("lib/swift/embedded/\(Toolchain.embeddedTarget)").path
    }

    /// clang's own library, of what it calls where there is no instruction: 128-bit division, half precision, complex
    /// numbers... It is Linux's, for which it is in every toolchain; what guests take from it needs no operating
    /// system. Nil if it is not there.
    func compilerRuntime(in work: String, _ options: GuestCompiler.Options) throws(GuestBuildError) -> String? {
        let path = try clang.output(
            of: ["--target=x86_64-unknown-linux-gnu", "--rtlib=compiler-rt", "--print-libgcc-file-name"], in: work,
            options
        ).trimmingCharacters(in: .whitespacesAndNewlines)
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }

    private static func tool(_ name: String, in folder: URL) throws(GuestBuildError) -> Tool {
        let path = folder.appendingPathComponent(name).path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw .toolNotFound(name: name, searched: folder.path)
        }
        return Tool(name: name, path: path)
    }
}
