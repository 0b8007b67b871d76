import Foundation

/// A program of the Swift toolchain.
struct Tool: Sendable {
    let name: String
    let path: String

    /// Runs it and waits. What it prints is passed on, or part of the error if it fails. Its temporary files go to
    /// `work`.
    func run(_ arguments: [String], in work: String, _ options: GuestCompiler.Options) throws(GuestBuildError) {
        let output = try output(of: arguments, in: work, options)
        if !output.isEmpty { options.report(output) }
    }

    /// Runs it and waits, for what it prints.
    func output(
        of arguments: [String], in work: String, _ options: GuestCompiler.Options
    ) throws(GuestBuildError) -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.environment = ProcessInfo.processInfo.environment.merging(["TMPDIR": work]) { $1 }
        // One pipe for both streams, read to its end before waiting: the tool can never block on it.
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        if options.isVerbose { options.report(([path] + arguments).joined(separator: " ") + "\n") }
        do {
            try process.run()
        } catch {
            throw .fileSystem(operation: "running", path: path, reason: error.localizedDescription)
        }
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw .toolFailed(name: name, status: process.terminationStatus, diagnostics: output)
        }
        return output
    }
}
