import Foundation
import Testing
import ToolSupport

/// What happens to results and messages that cannot be written: EX_IOERR, never success.
@Suite("Output that cannot be written")
struct UnwritableOutputTests {
    /// Of every command that prints something, plain and as JSON. `GUEST`, `SOURCE` and `STORE` stand for paths.
    static let commands = [
        "--help", "--version", "help snapshot", "call --help", "snapshot save --help",
        "--generate-completion-script bash", "doctor", "doctor --json", "inspect GUEST", "inspect GUEST --json",
        "call GUEST subtract 5 3", "call GUEST subtract 5 3 --json", "call GUEST echo text",
        "call GUEST crash --json", "call GUEST subtract --json", "frobnicate --json",
        "call GUEST subtract 5 3 --repeat 3 --rollback --json", "trace GUEST subtract 5 3",
        "trace GUEST subtract 5 3 --json", "build SOURCE -o OUTPUT", "build SOURCE -o OUTPUT --json",
        "snapshot save GUEST STORE:b", "snapshot save GUEST STORE:c --json", "snapshot ls STORE",
        "snapshot ls STORE --json", "snapshot inspect STORE", "snapshot inspect STORE --json",
        "snapshot inspect STORE:a", "snapshot inspect STORE:a --json", "snapshot verify STORE:a",
        "snapshot verify STORE --json", "snapshot tag STORE:a d --json", "snapshot copy STORE:a STORE-2:a",
        "snapshot copy STORE:a STORE-2:a --json", "snapshot run STORE:a subtract 5 3",
        "snapshot run STORE:a subtract 5 3 --json", "snapshot prune STORE", "snapshot prune STORE --json",
        "snapshot rm STORE:a --json",
    ]

    @Test("a full device and a closed standard output end every command with 74 and a message", arguments: commands)
    func everyCommand(command: String) throws {
        for redirection in [">/dev/full", ">&-"] {
            let place = try Place()
            let (status, errors) = try place.shell("\(command) \(redirection)")
            #expect(status == 74, "\(command) \(redirection): \(errors)")
            let reason = redirection == ">&-" ? "Bad file descriptor" : "No space left on device"
            #expect(errors.contains("palimpsest: error: Standard output cannot be written: \(reason)."), "\(errors)")
        }
    }

    @Test("the benchmark's results are missing with 74, too", arguments: ["--help", "floor --quick"])
    func benchmark(arguments: String) throws {
        let place = try Place()
        let folder = try Tool.executable.deletingLastPathComponent()
        let (status, errors) = try place.shell(
            "--version >/dev/null; '\(folder.path)/palimpsest-bench' \(arguments) >/dev/full")
        #expect(status == 74)
        #expect(errors.contains("palimpsest-bench: error: Standard output cannot be written: No space left on device."))
    }

    @Test("what a command without a word does is success on a closed standard output, and its files are whole")
    func nothingToSay() throws {
        let place = try Place()
        #expect(try place.shell("snapshot tag STORE:a b >&- 2>&- <&-").status == 0)
        #expect(try place.shell("snapshot rm STORE:a >&-").status == 0)
        #expect(try place.shell("snapshot save GUEST STORE:e >&-").status == 74)
        #expect(try Tool.run("snapshot", "verify", place.store).status == 0)
    }

    @Test("a message that standard error does not take turns success into 74, and leaves a failure what it was")
    func standardError() throws {
        let place = try Place()
        #expect(try place.shell("call GUEST say hello 2>/dev/full", capturesErrors: false).status == 74)
        #expect(try place.shell("call GUEST count --repeat 2 2>/dev/full", capturesErrors: false).status == 74)
        #expect(try place.shell("call GUEST count 2>/dev/full", capturesErrors: false).status == 0)
        // The compilers' warnings as well, which are passed on, and their commands.
        try place.write("warning.c", "#warning no function\n")
        for redirection in ["2>/dev/full", "2>&-"] {
            for command in ["build warning.c -o OUTPUT", "build SOURCE -o OUTPUT --verbose"] {
                #expect(try place.shell("\(command) \(redirection)", capturesErrors: false).status == 74)
            }
        }
        #expect(try place.shell("call GUEST fail 2>/dev/full", capturesErrors: false).status == 1)
        #expect(try place.shell("frobnicate 2>/dev/full", capturesErrors: false).status == 64)
    }

    @Test("a pipe whose reader has gone ends a command by SIGPIPE, without a word; with 74 where that is ignored")
    func brokenPipe() throws {
        let place = try Place()
        for (prefix, status) in [("", 128 + SIGPIPE), ("trap '' PIPE; ", 74)] {
            for command in ["call GUEST subtract 5 3", "--help", "doctor --json", "call GUEST crash --json"] {
                let outcome = try place.shell(command, prefix: prefix, output: try pipeWithoutReader())
                #expect(outcome.status == status, "\(prefix)\(command)")
                #expect(outcome.errors.isEmpty, "\(prefix)\(command): \(outcome.errors)")
            }
        }
    }

    @Test("output to a pipe that does not wait arrives whole")
    func nonblockingPipe() throws {
        let place = try Place()
        let text = String(repeating: "0123456789abcdef", count: 1 << 14)
        try place.write("argument", text)
        let pipe = Pipe()
        let writer = pipe.fileHandleForWriting
        _ = fcntl(writer.fileDescriptor, F_SETFL, fcntl(writer.fileDescriptor, F_GETFL) | O_NONBLOCK)
        let process = try place.start("call GUEST same @argument", output: writer)
        try writer.close()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(output.count == 2 * text.utf8.count + 1)
    }

    private func pipeWithoutReader() throws -> FileHandle {
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        return pipe.fileHandleForWriting
    }
}

/// A folder with a store in it, and a shell that runs the tool there.
private struct Place {
    let scratch: Scratch
    let store: String
    private let guest: String

    init() throws {
        scratch = try Scratch()
        store = scratch.url.appendingPathComponent("store").path
        guest = try TestGuest.shared.get().path
        try write("source.c", "#include \"palimpsest.h\"\nPALIMPSEST_EXPORT(void, nothing);\nvoid nothing(void) {}\n")
        try #require(try Tool.run("snapshot", "save", guest, "\(store):a").status == 0)
    }

    func write(_ name: String, _ text: String) throws { _ = try scratch.file(name, text) }

    func shell(
        _ command: String, prefix: String = "", output: FileHandle = .nullDevice, capturesErrors: Bool = true
    ) throws -> (status: Int32, errors: String) {
        let errors = try scratch.file("errors")
        let process = try start(
            command, prefix: prefix, output: output, errors: capturesErrors ? FileHandle(forWritingTo: errors) : nil)
        process.waitUntilExit()
        return (process.terminationStatus, try String(contentsOf: errors, encoding: .utf8))
    }

    func start(
        _ command: String, prefix: String = "", output: FileHandle, errors: FileHandle? = nil
    ) throws -> Process {
        let words = command.replacing("GUEST", with: guest).replacing("STORE", with: store)
            .replacing("SOURCE", with: "source.c").replacing("OUTPUT", with: "output.elf")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // No exec: a shell that waits says which signal its child has died of.
        process.arguments = ["-c", "\(prefix)'\(try Tool.executable.path)' \(words); exit $?"]
        process.currentDirectoryURL = scratch.url
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors ?? FileHandle.nullDevice
        try process.run()
        return process
    }
}
