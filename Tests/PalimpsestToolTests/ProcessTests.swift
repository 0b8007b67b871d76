import Foundation
import Testing

/// What needs a process of its own: limits that would hit every other test, and the other executables.
@Suite("Processes")
struct ProcessTests {
    @Test("with too few descriptors the error says which limit to raise", arguments: [4, 5, 6, 7, 8])
    func tooFewDescriptors(limit: Int) throws {
        let guest = try TestGuest.shared.get().path
        let command = "ulimit -n \(limit) && exec '\(try Tool.executable.path)' call '\(guest)' subtract 5 3"
        let (status, output) = try shell(command)
        #expect(status == 69 || (status == 0 && output == "2\n"), "status \(status): \(output)")
        if status == 69 { #expect(output.contains("ulimit -n"), "\(output)") }
    }

    @Test("the example host runs its three guests, built by the plugin")
    func example() throws {
        let path = try Tool.executable.deletingLastPathComponent().appendingPathComponent("palimpsest-example").path
        let (status, output) = try shell("exec '\(path)'")
        #expect(status == 0)
        #expect(output.contains("greeter-c: Hello, World! *** Hello, World! *** 42"))
        #expect(output.contains("greeter-swift: Hello, World! *** Hello, World! *** 42"))
        // FIPS 180-4's own example, "abc".
        #expect(output.contains("sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
    }

    private func shell(_ command: String) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec 2>&1; " + command]
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
