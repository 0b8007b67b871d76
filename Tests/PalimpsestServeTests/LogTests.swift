import Foundation
import Metrics
import Testing

@testable import PalimpsestServe

@Suite("A log that nobody reads")
struct LogTests {
    /// A path of 12,000 bytes, which `--log-level debug` has in the log: 100 such lines are more than is kept of them.
    private static let longRequest = RawRequest.get("/" + String(repeating: "a", count: 12_000))

    @Test("every request is answered, what is dropped is counted, and SIGTERM ends the server")
    func unread() throws {
        let errors = Pipe()
        let server = try Server(["--no-sandbox", "--log-level", "debug"], errors: errors)
        let connection = try RawConnection(server)
        for _ in 0..<200 {
            connection.send(Self.longRequest)
            #expect(connection.reply()?.status == 404)
        }
        #expect(try server.get("/health").status == 200)
        let metrics = try server.get("/metrics").text
        #expect(metrics.contains("# TYPE palimpsest_log_dropped_lines_total counter\n"))
        #expect(!metrics.contains("palimpsest_log_dropped_lines_total 0\n"))
        server.signal(SIGTERM)
        #expect(server.exitStatus(within: 60) == 0)
    }

    @Test("a fault of a guest is logged by threads that wait for nobody")
    func faults() throws {
        let server = try Server([try ServedGuest.shared.get().snapshot, "--pool", "1"], errors: Pipe())
        let connection = try RawConnection(server)
        for _ in 0..<600 {
            connection.send(RawRequest.call("crash", "[]"))
            #expect(connection.reply()?.status == 502)
        }
        server.signal(SIGTERM)
        #expect(server.exitStatus(within: 60) == 0)
    }

    @Test("a reader that goes away does not end the server")
    func gone() throws {
        let errors = Pipe()
        let server = try Server(["--no-sandbox", "--log-level", "debug"], errors: errors)
        try errors.fileHandleForReading.close()
        let connection = try RawConnection(server)
        for _ in 0..<10 {
            connection.send(Self.longRequest)
            #expect(connection.reply()?.status == 404)
        }
        server.signal(SIGTERM)
        #expect(server.exitStatus(within: 60) == 0)
    }

    @Test("nobody waits for a reader of standard output either")
    func unreadOutput() throws {
        let (output, scratch) = (Pipe(), try Scratch())
        let socket = scratch.path("socket")
        try fill(output.fileHandleForWriting.fileDescriptor)
        let process = Process()
        process.executableURL = try BuiltProduct.url("palimpsest-serve")
        process.arguments = ["--no-sandbox", "--socket", socket]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        RunningServers.add(process.processIdentifier)
        defer { RunningServers.remove(process.processIdentifier) }
        let curl = URL(fileURLWithPath: "/usr/bin/curl")
        let request = ["--silent", "--max-time", "20", "--unix-socket", socket, "http://localhost/health"]
        var isAnswered = false
        for _ in 0..<600 where !isAnswered {
            isAnswered = try BuiltProduct.run(curl, request).status == 0
            if !isAnswered { usleep(100_000) }
        }
        #expect(isAnswered)
        kill(process.processIdentifier, isAnswered ? SIGTERM : SIGKILL)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    /// Writes to a pipe until it takes no byte more.
    private func fill(_ descriptor: Int32) throws {
        let flags = fcntl(descriptor, F_GETFL)
        try #require(fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0)
        for size in [4096, 1] {
            let bytes = [UInt8](repeating: 0, count: size)
            while write(descriptor, bytes, size) > 0 {}
        }
        try #require(fcntl(descriptor, F_SETFL, flags) == 0)
    }

    @Test("without standard error, the log goes to nothing that the server opens for itself")
    func closedErrors() throws {
        let server = try Server(["--no-sandbox"], limits: "-c 0 && exec 2>&-")
        #expect(try server.get("/health").status == 200)
        #expect(try server.target(ofDescriptor: STDERR_FILENO) == "/dev/null")
        server.signal(SIGTERM)
        #expect(server.exitStatus(within: 60) == 0)
    }

    @Test("a reader that comes back reads what was kept, whole lines, and how many were not")
    func lateReader() async throws {
        let pipe = Pipe()
        let counter = CountingHandler()
        let queue = LogQueue(
            descriptor: pipe.fileHandleForWriting.fileDescriptor, byteLimit: 100_000,
            dropped: Counter(label: "dropped", dimensions: [], handler: counter))
        let line = String(repeating: "x", count: 99) + "\n"
        for _ in 0..<5_000 { queue.write(line) }
        #expect(counter.value > 2_000)
        let reader = Task.detached {
            var bytes = Data()
            while let more = try pipe.fileHandleForReading.read(upToCount: 1 << 16), !more.isEmpty { bytes += more }
            return bytes
        }
        await queue.flush(within: .seconds(60))
        queue.write("the end\n")
        await queue.flush(within: .seconds(60))
        try pipe.fileHandleForWriting.close()
        let lines = String(decoding: try await reader.value, as: UTF8.self).split(separator: "\n")
        #expect(lines.last == "the end")
        #expect(lines.count { $0.utf8.count == 99 } == 5_000 - counter.value)
        let notes = lines.filter { $0.contains("lines dropped here") }
        #expect(notes.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +) == counter.value)
    }
}
