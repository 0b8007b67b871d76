import Foundation
import GuestToolchain

/// The guests of the engine's own tests, and one of the fuzzers', built where they are needed.
enum Guests {
    /// The folder `Tests`.
    static let tests = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// - Parameter name: of its folder.
    static func build(_ name: String, withLines: Bool = true) throws -> [UInt8] {
        let suites = ["TestSupport", "PalimpsestDebuggerTests", "Fuzzing"]
        let folders = suites.map { tests.appendingPathComponent("\($0)/Guests/\(name)").path }
        let folder = folders.first { FileManager.default.fileExists(atPath: $0) } ?? name
        let sources = try FileManager.default.contentsOfDirectory(atPath: folder).map { "\(folder)/\($0)" }
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).elf")
        defer { try? FileManager.default.removeItem(at: output) }
        var options = GuestCompiler.Options()
        options.debugInformation = withLines
        try GuestCompiler().build(sources: sources, output: output.path, options: options)
        return [UInt8](try Data(contentsOf: output))
    }

    /// With bytes behind the file that choose what a target does with it.
    static func seeds(_ names: [String], withLines: Bool) throws -> [Seed] {
        try names.map { name in
            let file = try build(name, withLines: withLines)
            return Seed(name: name + (withLines ? "" : "-bare"), bytes: file + [UInt8](repeating: 0, count: 8))
        }
    }
}
