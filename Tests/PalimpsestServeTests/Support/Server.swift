import Foundation
import Testing

/// The built `palimpsest-serve`, run as a process for as long as its owner lives.
final class Server: @unchecked Sendable {
    private let process = Process()
    private let scratch: Scratch
    private let exited = DispatchSemaphore(value: 0)
    /// `http://127.0.0.1:PORT`, or `unix:PATH`.
    let place: String

    /// Starts it on a free port, unless the arguments say where, and waits until it listens.
    /// - Parameters:
    ///   - errors: takes its log; nil for a file, which `log` reads.
    ///   - limits: `ulimit`'s, for the server alone, and what else its shell is to do before it.
    init(_ arguments: [String], errors pipe: Pipe? = nil, limits: String = "") throws {
        scratch = try Scratch()
        let (output, errors) = (try scratch.file("output"), try scratch.file("errors"))
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments =
            ["-c", "\(limits.isEmpty ? "" : "ulimit \(limits) && ")exec \"$0\" \"$@\""]
            + [try BuiltProduct.url("palimpsest-serve").path] + arguments
            + (arguments.contains("--socket") ? [] : ["--port", "0"])
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        if let pipe {
            process.standardError = pipe
        } else {
            process.standardError = try FileHandle(forWritingTo: errors)
        }
        let exited = exited
        process.terminationHandler = { _ in exited.signal() }
        try process.run()
        RunningServers.add(process.processIdentifier)
        let prefix = "palimpsest-serve: listening on "
        let deadline = Date(timeIntervalSinceNow: 60)
        while true {
            let text = String(decoding: try Data(contentsOf: output), as: UTF8.self)
            if text.hasPrefix(prefix), text.hasSuffix("\n") {
                place = String(text.dropFirst(prefix.count).dropLast())
                return
            }
            guard process.isRunning, Date() < deadline else {
                throw Failure(
                    "it does not listen: \(text)\(String(decoding: try Data(contentsOf: errors), as: UTF8.self))")
            }
            usleep(2_000)
        }
    }

    /// Of the guest with everything.
    convenience init(guest arguments: String...) throws {
        try self.init([try ServedGuest.shared.get().snapshot] + arguments)
    }

    /// Without a sandbox: for what never gets to one.
    convenience init(host arguments: String...) throws { try self.init(["--no-sandbox"] + arguments) }

    deinit {
        RunningServers.remove(process.processIdentifier)
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    var port: UInt16 { place.split(separator: ":").last.flatMap { UInt16($0) } ?? 0 }

    var log: String {
        (try? String(decoding: Data(contentsOf: scratch.url.appendingPathComponent("errors")), as: UTF8.self)) ?? ""
    }

    /// Whether the log comes to have it.
    func logs(_ text: String, within seconds: Double = 60) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while !log.contains(text) {
            guard Date() < deadline else { return false }
            usleep(5_000)
        }
        return true
    }

    /// Whether it comes to answer so many requests at a time, besides the one that asks.
    func isAnswering(_ count: Int) -> Bool { comesToSay("palimpsest_http_requests_in_flight \(count + 1)\n") }

    /// Whether its metrics come to have it.
    func comesToSay(_ line: String, within seconds: Double = 60) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while (try? get("/metrics").text.contains(line)) != true {
            guard Date() < deadline else { return false }
            usleep(5_000)
        }
        return true
    }

    /// Has the kernel allow it so many descriptors from now on.
    func limitDescriptors(_ count: Int) throws {
        let (status, _, errors) = try BuiltProduct.run(
            URL(fileURLWithPath: "/usr/bin/prlimit"),
            ["--pid", "\(process.processIdentifier)", "--nofile=\(count):"])
        guard status == 0 else { throw Failure("prlimit: \(errors)") }
    }

    /// What one of its descriptors is (proc(5), fd).
    func target(ofDescriptor descriptor: Int32) throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process.processIdentifier)/fd/\(descriptor)")
    }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// What it exits with; nil if it does not in that time.
    func exitStatus(within seconds: Double) -> Int32? {
        guard exited.wait(timeout: .now() + seconds) == .success else { return nil }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    // MARK: - curl

    /// Calls a function with curl.
    func call(_ function: String, _ arguments: String, _ options: String...) throws -> Reply {
        try curl(["--json", arguments] + options, "/call/\(function)")
    }

    func get(_ path: String, _ options: String...) throws -> Reply { try curl(options, path) }

    func curl(_ options: [String], _ path: String) throws -> Reply {
        let scratch = try Scratch()
        let body = scratch.path("body")
        var arguments = ["--silent", "--show-error", "--include", "--max-time", "60", "--output", body] + options
        if place.hasPrefix("unix:") {
            arguments += ["--unix-socket", String(place.dropFirst(5)), "http://localhost\(path)"]
        } else {
            arguments += [place + path]
        }
        let (status, _, errors) = try BuiltProduct.run(URL(fileURLWithPath: "/usr/bin/curl"), arguments)
        guard status == 0 else { throw Failure("curl exited with \(status): \(errors)") }
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: body)))
        guard let reply = Reply.first(bytes, isHead: options.contains("--head"))?.reply else {
            throw Failure("curl printed no response")
        }
        return reply
    }
}

/// An answer as it came over the wire.
struct Reply {
    let status: Int
    /// Names in lower case.
    let headers: [String: String]
    let body: [UInt8]
    /// Of answers `100 Continue` in front of it.
    let interimCount: Int

    var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as an object.
    func json() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any], "\(text)")
    }

    /// The last part of a problem's type; checks what every problem has.
    func problem() throws -> String {
        #expect(headers["content-type"] == "application/problem+json")
        let json = try json()
        #expect(json["status"] as? Int == status)
        #expect((json["title"] as? String)?.isEmpty == false)
        #expect((json["detail"] as? String)?.isEmpty == false)
        let type = try #require(json["type"] as? String)
        return String(try #require(type.split(separator: ":").last))
    }

    private init(status: Int, headers: [String: String], body: [UInt8], interimCount: Int) {
        self.status = status
        self.headers = headers
        self.body = body
        self.interimCount = interimCount
    }

    /// The first answer in `bytes`, behind any `100 Continue`, and how many bytes it takes; nil if it is not whole.
    static func first(
        _ bytes: [UInt8], isHead: Bool = false, interimCount: Int = 0
    ) -> (reply: Reply, byteCount: Int)? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        guard let status = lines[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        if status == 100 {
            let rest = Array(bytes[end.upperBound...])
            return first(rest, isHead: isHead, interimCount: interimCount + 1)
                .map { ($0.reply, $0.byteCount + end.upperBound) }
        }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[colon...].dropFirst().trimmingCharacters(in: .whitespaces)
        }
        let count = isHead ? 0 : headers["content-length"].flatMap { Int($0) } ?? 0
        guard bytes.count >= end.upperBound + count else { return nil }
        let body = Array(bytes[end.upperBound..<end.upperBound + count])
        let reply = Reply(status: status, headers: headers, body: body, interimCount: interimCount)
        return (reply, end.upperBound + count)
    }
}
