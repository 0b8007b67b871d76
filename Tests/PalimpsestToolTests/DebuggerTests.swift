import Foundation
import Testing

/// `palimpsest call --gdb`, as a process.
@Suite("palimpsest call --gdb")
struct DebuggerTests {
    @Test("says what to type, lets gdb debug the call, prints its result", arguments: ["127.0.0.1:0", "unix"])
    func call(address: String) throws {
        let guest = try TestGuest.shared.get()
        let scratch = try Scratch()
        let errors = try scratch.file("errors", "")
        let output = try scratch.file("output", "")
        let process = Process()
        process.executableURL = try Tool.executable
        let place = address == "unix" ? "unix:" + scratch.url.appendingPathComponent("gdb").path : address
        process.arguments = ["call", guest.path, "subtract", "9", "2", "--gdb", place]
        process.standardInput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: errors)
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
        let command = try line(in: errors, startingWith: "Waiting for gdb. In another terminal: ")
        let gdb = try shell(command + " -nx -batch -ex 'break subtract' -ex continue -ex 'info args' -ex detach")
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try String(contentsOf: output, encoding: .utf8) == "7\n")
        #expect(gdb.contains("Breakpoint 1, subtract"), "\(gdb)")
    }

    /// The rest of the first line that begins like that, as soon as it is there.
    private func line(in file: URL, startingWith prefix: String) throws -> String {
        for _ in 0..<3_000 {
            let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            if let line = lines.first(where: { $0.hasPrefix(prefix) }) { return String(line.dropFirst(prefix.count)) }
            usleep(20_000)
        }
        throw ToolNotFound(searchedFrom: file.path)
    }

    /// What a command prints, both ways.
    private func shell(_ command: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec timeout --kill-after=5 60 " + command]
        let output = Pipe()
        (process.standardOutput, process.standardError) = (output, output)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    @Test(
        "where it cannot wait, it says so",
        arguments: [
            ("--gdb nonsense", Int32(64)), ("--gdb 0.0.0.0:0", 64), ("--gdb 127.0.0.1:0 --repeat 2", 64),
            ("--gdb 127.0.0.1:0 --timeout 1s", 64), ("--gdb 127.0.0.1:0 --resident", 64), ("--gdb-allow-remote", 64),
            ("--gdb unix:/nowhere/gdb", 69),
        ])
    func refusals(options: String, status: Int32) throws {
        let guest = try TestGuest.shared.get()
        let outcome = try Tool.run(
            ["call", guest.path, "subtract", "9", "2"] + options.split(separator: " ").map(String.init))
        #expect(outcome.status == status && !outcome.errors.isEmpty, "\(outcome)")
    }
}
