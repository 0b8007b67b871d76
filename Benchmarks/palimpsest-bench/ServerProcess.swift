import Foundation

/// `palimpsest-serve`, run for as long as its owner lives: a process of its own, so that benchmarks need none of what
/// it is made of.
final class ServerProcess {
    private let process = Process()
    let port: UInt16

    /// Beside the benchmark; nil if it has not been built.
    static var executable: URL? {
        let url = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("palimpsest-serve")
        return FileManager.default.isExecutableFile(atPath: url.path) ? url : nil
    }

    init(_ executable: URL, _ arguments: [String]) throws {
        let output = Pipe()
        process.executableURL = executable
        process.arguments = arguments + ["--port", "0", "--log-level", "error"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        try process.run()
        // Its first line ends with the port: "... listening on http://127.0.0.1:40123".
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let digits = line.split(separator: ":").last?.trimmingCharacters(in: .whitespacesAndNewlines)
        guard let port = digits.flatMap({ UInt16($0) }) else { throw BenchmarkError.noServer(line) }
        self.port = port
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }
}
