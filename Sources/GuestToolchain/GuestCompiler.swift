import Foundation

/// Turns guest sources into a guest: a static ELF with the SDK's runtime in it.
///
///     try GuestCompiler().build(sources: ["greeter.c"], output: "greeter.elf")
///
/// `.c` and `.S` files are compiled by the toolchain's clang, all `.swift` files together by its swiftc as Embedded
/// Swift (one of them is `main.swift`), and everything is linked by its lld.
public struct GuestCompiler: Sendable {
    public struct Options: Sendable {
        /// 0 to 3, or s.
        public var optimization = "2"
        /// DWARF, for debuggers and symbols.
        public var debugInformation = true
        /// Reports the commands, too, and not only what they print.
        public var isVerbose = false
        /// What is done with the compilers' warnings: they are printed, on standard error, unless that takes nothing.
        public var report: @Sendable (String) -> Void = { text in
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
        }

        public init() {}
    }

    private let toolchain: Toolchain

    /// - Throws: `GuestBuildError.toolNotFound`
    public init() throws(GuestBuildError) { toolchain = try Toolchain() }

    /// Builds `output` from `sources`. The file appears whole or not at all; a device, a FIFO, a socket, a folder or a
    /// file that was read for it is never replaced.
    /// - Throws: `GuestBuildError`, with the compilers' diagnostics in it.
    public func build(sources: [String], output: String, options: Options = .init()) throws(GuestBuildError) {
        guard !sources.isEmpty else { throw .noSources }
        for source in sources {
            guard FileManager.default.fileExists(atPath: source) else { throw .sourceNotFound(source) }
        }
        let destination = GuestOutput(output)
        try destination.check(against: sources)
        let work = try TemporaryDirectory()
        for file in EmbeddedFile.sdk { try work.write("sdk/" + file.path, file.bytes) }
        let sdk = work.path + "/sdk"

        var objects: [String] = []
        var swiftSources: [String] = []
        for (index, source) in (sources + runtimeSources(sdk)).enumerated() {
            switch URL(fileURLWithPath: source).pathExtension {
            case "c", "S":
                let object = "\(work.path)/\(index).o"
                try compileC(source, object, sdk, work.path, options)
                objects.append(object)
            case "swift": swiftSources.append(source)
            default: throw .unknownSourceKind(source)
            }
        }
        var libraries: [String] = []
        if !swiftSources.isEmpty {
            objects.append(try compileSwift(swiftSources, sdk, work.path, options))
            libraries.append(try unicodeLibrary())
        }
        if let runtime = try toolchain.compilerRuntime(in: work.path, options) {
            libraries.append(runtime)
        }
        let image = work.path + "/guest.elf"
        try link(objects, libraries, sdk, image, work.path, options)
        try destination.check(against: (objects + [image]).flatMap { DependencyFile(at: $0 + ".d").paths })
        try destination.place(image)
    }

    private func runtimeSources(_ sdk: String) -> [String] {
        [
            "start.c", "host.c", "memory.c", "allocator.c", "random.c", "math.c", "strtod.c", "compiler.c",
            "dispatch.S", "unwind.S",
        ].map { sdk + "/" + $0 }
    }

    // MARK: - Steps

    private func compileC(
        _ source: String, _ object: String, _ sdk: String, _ work: String, _ options: Options
    ) throws(GuestBuildError) {
        try toolchain.clang.run(
            targetFlags + [
                "-std=c23", "-Wall", "-O\(options.optimization)", "-ffunction-sections", "-fdata-sections", "-I", sdk,
                "-fdebug-prefix-map=\(sdk)=palimpsest-sdk", "-MD", "-MF", object + ".d", "-c", source, "-o", object,
            ] + (options.debugInformation ? ["-g"] : []),
            in: work, options)
    }

    private var targetFlags: [String] {
        [
            "--target=\(Toolchain.embeddedTarget)", "-ffreestanding", "-fno-stack-protector", "-fno-pic",
            "-mcmodel=small",
        ] + codeFlags + framePointerFlags
    }

    /// Thread-local variables without a register that points at them; atomic ones of 16 bytes by an instruction that
    /// all processors with virtualization have.
    private var codeFlags: [String] { ["-femulated-tls", "-mcx16"] }

    /// What backtraces go by. swiftc's code has them without being asked.
    private var framePointerFlags: [String] { ["-fno-omit-frame-pointer", "-mno-omit-leaf-frame-pointer"] }

    /// The overlay and the guest in one module: one whole-program compilation, everything specialised.
    private func compileSwift(
        _ sources: [String], _ sdk: String, _ work: String, _ options: Options
    ) throws(GuestBuildError) -> String {
        let object = work + "/swift.o"
        try toolchain.swiftc.run(
            [
                "-target", Toolchain.embeddedTarget, "-enable-experimental-feature", "Embedded", "-wmo",
                options.optimization == "0" ? "-Onone" : options.optimization == "s" ? "-Osize" : "-O",
                "-Xfrontend", "-disable-stack-protector", "-Xfrontend", "-function-sections",
                "-Xfrontend", "-no-clang-module-breadcrumbs", "-swift-version", "6",
                "-module-name", "Guest", "-module-cache-path", work + "/modules", "-I", sdk + "/Swift",
                "-Xcc", "-ffreestanding", "-Xcc", "-std=c23", "-Xcc", "-fno-pic", "-Xcc", "-mcmodel=small", "-Xcc",
                "-I",
                "-Xcc", sdk,
            ] + codeFlags.flatMap { ["-Xcc", $0] } + (options.debugInformation ? ["-g"] : []) + sources + [
                sdk + "/Swift/PalimpsestGuest.swift", sdk + "/Swift/Arities.swift", "-c", "-o", object,
            ], in: work, options)
        return object
    }

    private func unicodeLibrary() throws(GuestBuildError) -> String {
        let path = toolchain.embeddedLibraries + "/libswiftUnicodeDataTables.a"
        guard FileManager.default.fileExists(atPath: path) else { throw .embeddedLibraryNotFound(path) }
        return path
    }

    private func link(
        _ objects: [String], _ libraries: [String], _ sdk: String, _ image: String, _ work: String, _ options: Options
    ) throws(GuestBuildError) {
        try toolchain.linker.run(
            [
                "-static", "--no-pie", "--gc-sections", "--build-id=sha1", "-z", "noexecstack", "-z",
                "max-page-size=4096", "-T",
                sdk + "/guest.ld", "--dependency-file=\(image).d", "-o", image,
            ] + objects + libraries, in: work, options)
    }
}
