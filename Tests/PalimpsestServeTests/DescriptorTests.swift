import Foundation
import Testing

@Suite("Descriptors")
struct DescriptorTests {
    private func healthy(_ connection: RawConnection) -> Bool {
        connection.send(RawRequest.get("/health"))
        return connection.reply()?.status == 200
    }

    @Test("a low soft limit is raised: more connections than it allows are all answered")
    func softLimit() throws {
        let server = try Server(["--no-sandbox"], limits: "-Sn 64")
        let connections = try (0..<200).map { _ in try RawConnection(server) }
        for connection in connections { #expect(healthy(connection)) }
        #expect(!server.log.contains("--max-connections"))
    }

    @Test("fewer descriptors than --max-connections needs are said at start, and connections beyond them wait")
    func hardLimit() throws {
        let server = try Server(["--no-sandbox"], limits: "-n 200")
        #expect(server.logs("--max-connections: at most "))
        let count = server.log.split(separator: "at most ").last?.split(separator: " ").first.flatMap { Int($0) }
        let possible = try #require(count)
        let first = try (0..<possible).map { _ in try RawConnection(server) }
        for connection in first { #expect(healthy(connection)) }
        // A few are accepted in one go, so that the limit may be passed by those; the last one is never among them.
        var waiting = try (0..<8).map { _ in try RawConnection(server) }
        let last = waiting.removeLast()
        last.send(RawRequest.get("/health"))
        #expect(last.reply(within: 0.5) == nil)
        waiting.removeAll()
        for connection in first { connection.closeSending() }
        #expect(last.reply()?.status == 200)
        #expect(!server.log.contains("have to wait"))
    }

    @Test("out of descriptors, the server pauses, says so once, and goes on when there are some")
    func exhausted() throws {
        let server = try Server(host: "--max-connections", "100")
        let observer = try RawConnection(server)
        #expect(healthy(observer))
        try server.limitDescriptors(10)
        let waiting = try (0..<20).map { _ in try RawConnection(server) }
        #expect(server.logs("new connections have to wait"))
        sleep(2)
        observer.send(RawRequest.get("/metrics"))
        let metrics = try #require(observer.reply()).text
        let failures = metrics.split(separator: "\n").first { $0.hasPrefix("palimpsest_http_accept_failures_total ") }
        // Without the pause, tens of thousands.
        #expect(try #require(failures?.split(separator: " ").last.flatMap { Int($0) }) < 500)
        try server.limitDescriptors(1_000)
        for connection in waiting { #expect(healthy(connection)) }
        #expect(server.log.split(separator: "have to wait").count == 2)
    }
}
