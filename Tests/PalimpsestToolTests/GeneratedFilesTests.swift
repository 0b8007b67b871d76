import Foundation
import Testing

/// Files that are checked in although a command writes them are what that command writes.
@Suite("Generated files")
struct GeneratedFilesTests {
    private let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// What a command of the repository's prints, and how it ends.
    private func run(_ command: String, _ arguments: String...) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = repository.appendingPathComponent(command)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    private func checkedIn(_ path: String) throws -> String {
        try String(contentsOf: repository.appendingPathComponent(path), encoding: .utf8)
    }

    @Test("the overloads of the Swift SDK are what .ci/generate-arities writes")
    func arities() throws {
        let printed = try run(".ci/generate-arities", "--print")
        #expect(printed.status == 0)
        let same = try printed.output == checkedIn("Sources/PalimpsestGuest/SDK/Swift/Arities.swift")
        #expect(same, "run .ci/generate-arities")
    }
}
