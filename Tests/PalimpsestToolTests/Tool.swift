import Foundation
import Testing

/// The built `palimpsest`, run as a process.
struct Tool {
    /// What it printed, and what it exited with.
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String

        /// Standard output as a JSON object.
        func json() throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
        }

        /// The `kind` of the error in the JSON on standard output.
        func errorKind() throws -> String? { (try json()["error"] as? [String: Any])?["kind"] as? String }
    }

    /// Next to the test bundle, where SwiftPM puts all products.
    static var executable: URL {
        get throws {
            let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            var folder = bundle.deletingLastPathComponent()
            while folder.path != "/" {
                let candidate = folder.appendingPathComponent("palimpsest")
                var isFolder: ObjCBool = false
                if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isFolder), !isFolder.boolValue {
                    return candidate
                }
                folder.deleteLastPathComponent()
            }
            throw ToolNotFound(searchedFrom: bundle.path)
        }
    }

    static func run(
        _ arguments: String..., in folder: URL? = nil, environment: [String: String] = [:]
    ) throws -> Outcome {
        try run(arguments, in: folder, environment: environment)
    }

    static func run(
        _ arguments: [String], in folder: URL? = nil, environment: [String: String] = [:]
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = try executable
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        // Files, not pipes: nothing can fill up, whatever the tool writes where.
        let scratch = try Scratch()
        let output = try scratch.file("output")
        let errors = try scratch.file("errors")
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationReason == .exit, "palimpsest was killed by signal \(process.terminationStatus)")
        return Outcome(
            status: process.terminationStatus, output: try String(contentsOf: output, encoding: .utf8),
            errors: try String(contentsOf: errors, encoding: .utf8))
    }
}

struct ToolNotFound: Error, CustomStringConvertible {
    let searchedFrom: String
    var description: String { "no built palimpsest next to or above \(searchedFrom); build all products" }
}

/// A folder that is gone with its owner.
final class Scratch: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("palimpsest-tool-tests-\(UUID())")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// Makes a file and returns where it is.
    func file(_ name: String, _ text: String = "") throws -> URL {
        let file = url.appendingPathComponent(name)
        try Data(text.utf8).write(to: file)
        return file
    }
}
