import ArgumentParser
import GuestToolchain
import ToolSupport

struct BuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract: "Compiles sources into a guest.",
        discussion: """
            C, assembly and Embedded Swift, compiled by the Swift toolchain's own clang, swiftc and lld, with the \
            guest SDK that is part of this program. Swift sources make one module. docs/guests.md says how guests \
            are written.

            Examples:
              palimpsest build greeter.c -o greeter.elf
              palimpsest build parser.c table.c -o parser.elf -O3 --no-debug-info
              palimpsest build main.swift helpers.swift -o guest.elf --verbose

            \(ToolExit.table)
            """)

    @Argument(help: ArgumentHelp("Source files: .c, .S, .swift.", valueName: "source"), completion: .file())
    var sources: [String]

    @Option(name: .shortAndLong, help: ArgumentHelp("Where the guest goes.", valueName: "file"))
    var output: String

    @Option(
        name: .customShort("O", allowingJoined: true),
        help: ArgumentHelp("How much to optimise: 0, 1, 2, 3 or s.", valueName: "level"))
    var optimization = "2"

    @Flag(inversion: .prefixedNo, help: "Keep what a debugger needs in the file.")
    var debugInfo = true

    @Flag(help: "Print the commands that are run, on standard error.")
    var verbose = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard ["0", "1", "2", "3", "s"].contains(optimization) else {
            throw ValidationError("-O: expected 0, 1, 2, 3 or s, found '\(optimization)'.")
        }
    }

    func run() throws {
        var options = GuestCompiler.Options()
        options.optimization = optimization
        options.debugInformation = debugInfo
        options.isVerbose = verbose
        options.report = { StandardError.write($0, terminator: "") }
        let start = ContinuousClock.now
        do throws(GuestBuildError) {
            try GuestCompiler().build(sources: sources, output: output, options: options)
        } catch {
            throw ToolError(error)
        }
        let nanoseconds = (ContinuousClock.now - start).nanoseconds
        let byteCount = InputFile.byteCount(of: output) ?? 0
        if json {
            let object: JSON = [
                "output": .string(output),
                "sources": .array(sources.map { .string($0) }),
                "byteCount": .unsigned(byteCount),
                "nanoseconds": .integer(nanoseconds),
            ]
            StandardOutput.write(object)
        } else {
            StandardOutput.write("\(output): \(Quantity.bytes(byteCount)), built in \(Quantity.time(nanoseconds))")
        }
    }
}
