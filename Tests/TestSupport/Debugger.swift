import Foundation
import Testing

/// The real gdb, in batch mode.
package enum Debugger {
    /// What it prints for `commands`, on both streams.
    package static func run(_ arguments: [String], commands: [String]) throws -> String {
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("gdb-\(UUID().uuidString)")
        try Data().write(to: output)
        defer { try? FileManager.default.removeItem(at: output) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["gdb", "-q", "-nx", "-batch", "-ex", "set width 0"] + commands.flatMap { ["-ex", $0] } + arguments
        process.standardInput = FileHandle.nullDevice
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "gdb is needed: apt-get install gdb")
        return try String(contentsOf: output, encoding: .utf8)
    }
}
