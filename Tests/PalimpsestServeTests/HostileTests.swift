import Foundation
import Testing

@Suite("Hostile requests")
struct HostileTests {
    private static let shared = Result { try Server(host: "--idle-timeout", "20s") }

    /// One more request like any other.
    private func expectAlive(_ server: Server) {
        #expect((try? server.call("add", "[40,2]"))?.text == #"{"result":42}"#)
    }

    @Test(
        "bytes that are not a request get an answer that says so, and end the connection",
        arguments: [
            ("GARBAGE\r\n\r\n", 400), ("\0\0\0\0\0\0\0\0\r\n\r\n", 400),
            ("FROB /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
            ("GET /health HTTP/3.0\r\nHost: localhost\r\n\r\n", 505),
            ("GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
            ("GET /health\r\n\r\n", 400), ("GET  HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /health HTTP/1.1\r\nHost x\r\n\r\n", 400),
            ("GET /health HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n", 400),
            ("GET /health HTTP/1.1\r\nHost: localhost\r\nA b: x\r\n\r\n", 400),
            ("GET /health HTTP/1.1\r\nHost: localhost\r\nA: \0\r\n\r\n", 400),
            ("POST /call/add HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
            ("POST /call/add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1x\r\n\r\n", 400),
            ("POST /call/add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
            ("POST /call/add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n[1,2]", 400),
            (
                "POST /call/add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400
            ),
            ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}", 400),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ])
    func malformed(request: String, status: Int) throws {
        let server = try Self.shared.get()
        let connection = try RawConnection(server)
        connection.send(request)
        let reply = try #require(connection.reply(within: 60), "no answer")
        #expect(reply.status == status)
        let kind = [400: "malformed-request", 501: "unknown-method", 505: "unsupported-version"][status]
        #expect(try reply.problem() == kind)
        #expect(reply.headers["connection"] == "close")
        #expect(connection.ends(within: 60))
        expectAlive(server)
    }

    @Test(
        "requests that are HTTP and nothing else are answered by what is wrong with them",
        arguments: [
            ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "unknown-path"),
            ("GET /call/../health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "method-not-allowed"),
            ("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "unknown-path"),
            ("GET /call%2fadd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "unknown-path"),
            ("GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "invalid-path"),
            ("GET /%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "invalid-path"),
            ("POST * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "invalid-path"),
            ("CONNECT x:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "invalid-path"),
            ("TRACE /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "method-not-allowed"),
            ("PROPFIND /call/add HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "method-not-allowed"),
            ("DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "method-not-allowed"),
            ("POST /call/%00 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 404, "unknown-function"),
            ("POST /call/x/y HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 404, "unknown-snapshot"),
        ])
    func wrong(request: String, status: Int, kind: String) throws {
        let server = try Self.shared.get()
        let connection = try RawConnection(server)
        connection.send(request)
        let reply = try #require(connection.reply(within: 60), "no answer")
        #expect(reply.status == status)
        #expect(try reply.problem() == kind)
        expectAlive(server)
    }

    @Test(
        "calls that cannot be made are answered by what is wrong with them",
        arguments: [
            ("", "", 415, "unsupported-media-type"), ("Content-Type: text/plain", "[]", 415, "unsupported-media-type"),
            ("Content-Type: application/json; charset=latin1", "[]", 415, "unsupported-media-type"),
            ("Content-Type: application/json\r\nContent-Encoding: gzip", "[]", 415, "unsupported-encoding"),
            ("Content-Type: application/json", "", 400, "invalid-json"),
            ("Content-Type: application/json; charset=UTF-8", "{}", 422, "invalid-arguments"),
            ("content-type: Application/JSON", "[1]", 422, "invalid-arguments"),
            ("Content-Type: application/json\r\nPalimpsest-Timeout-Ms: soon", "[1,2]", 400, "invalid-timeout"),
        ])
    func wrongCall(headers: String, body: String, status: Int, kind: String) throws {
        let server = try Self.shared.get()
        let connection = try RawConnection(server)
        let header = headers.isEmpty ? "" : headers + "\r\n"
        connection.send(
            "POST /call/add HTTP/1.1\r\nHost: localhost\r\n\(header)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                + RawRequest.get("/health"))
        let reply = try #require(connection.reply(within: 60), "no answer")
        #expect(reply.status == status)
        #expect(try reply.problem() == kind)
        #expect(connection.reply()?.status == 200)
    }

    @Test("JSON nested 100,000 deep, or of 100,000 values, is refused")
    func hugeJSON() throws {
        let server = try Self.shared.get()
        for body in [String(repeating: "[", count: 100_000), "[" + String(repeating: "0,", count: 100_000) + "0]"] {
            let connection = try RawConnection(server)
            connection.send(RawRequest.call("add", body))
            #expect(try connection.reply()?.problem() == "invalid-json")
        }
        expectAlive(server)
    }

    @Test("headers have a size and a number")
    func hugeHeaders() throws {
        let server = try Server(host: "--max-header", "4096")
        let long = String(repeating: "a", count: 5_000)
        for request in [
            RawRequest.get("/health", "X-Long: \(long)"),
            "GET /health HTTP/1.1\r\nHost: localhost\r\n" + (0..<101).map { "X-\($0): y\r\n" }.joined() + "\r\n",
            "GET /health HTTP/1.1\r\nHost: localhost\r\n" + (0..<50).map { "X-\($0): \(long.prefix(100))\r\n" }.joined()
                + "\r\n",
        ] {
            let connection = try RawConnection(server)
            connection.send(request)
            let reply = try #require(connection.reply(within: 60), "no answer")
            #expect(reply.status == 431)
            #expect(try reply.problem() == "header-too-large")
            #expect(connection.ends(within: 60))
        }
        // Endless: nobody waits for its end.
        let connection = try RawConnection(server)
        connection.send("GET /health HTTP/1.1\r\nHost: localhost\r\nX: ")
        for _ in 0..<100 { connection.send(long) }
        #expect(connection.reply(within: 60)?.status == 431)
        let just = try RawConnection(server)
        just.send(RawRequest.get("/health", "X-Long: " + String(repeating: "a", count: 3_900)))
        #expect(just.reply()?.status == 200)
        expectAlive(server)
    }

    @Test("bodies have a size, announced or not, and what is too large is not waited for")
    func hugeBodies() throws {
        let server = try Server(host: "--max-body", "1000")
        let announced = try RawConnection(server)
        announced.send(
            "POST /call/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1001\r\n\r\n"
        )
        let reply = try #require(announced.reply(within: 60))
        #expect(reply.status == 413)
        #expect(try reply.problem() == "body-too-large")
        #expect(try reply.json()["limit"] as? Int == 1_000)
        #expect(announced.ends(within: 60))
        // The answer arrives although all of it is sent.
        let chunked = try RawConnection(server)
        chunked.send(
            "POST /call/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in 0..<1_000 where chunked.send("400\r\n" + String(repeating: "a", count: 1_024) + "\r\n") {}
        #expect(chunked.reply(within: 60)?.status == 413)
        // A GET's body, too, ends with the connection.
        let get = try RawConnection(server)
        get.send("GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n")
        let health = try #require(get.reply(within: 60))
        #expect(health.status == 200)
        #expect(health.headers["connection"] == "close")
        #expect(get.ends(within: 60))
        let text = String(repeating: "a", count: 996)
        #expect(try server.call("echo", "[\"\(text)\"]").json()["result"] as? String == text)
    }

    @Test("a client that is still sending when it is told 413 can read that, and one that never stops is cut off")
    func lingering() throws {
        let server = try Server(host: "--max-body", "1000", "--request-timeout", "60s")
        let head = "POST /call/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        for framing in ["Content-Length: 1000000000", "Transfer-Encoding: chunked"] {
            let connection = try RawConnection(server)
            connection.send(head + framing + "\r\n\r\nfff\r\n" + String(repeating: "a", count: 2_000))
            #expect(connection.hasData(within: 60))
            for _ in 0..<30 {
                usleep(100_000)
                #expect(connection.send([UInt8](repeating: 0x61, count: 100_000)))
            }
            #expect(connection.reply()?.status == 413)
        }
        // Nor does what is no HTTP keep the connection from being read to its end.
        let garbage = try RawConnection(server)
        for _ in 0..<15 {
            #expect(garbage.send([UInt8](repeating: 0, count: 10_000)))
            usleep(100_000)
        }
        #expect(garbage.reply()?.status == 400)
        expectAlive(server)
        // By bytes, and by time.
        let strict = try Server(host: "--max-body", "1000", "--request-timeout", "1s")
        for (byteCount, pause) in [(1 << 20, 0), (1, 50_000)] as [(Int, UInt32)] {
            let connection = try RawConnection(strict)
            connection.send(head + "Content-Length: 1000000000\r\n\r\n")
            let bytes = [UInt8](repeating: 0x61, count: byteCount)
            var count = 0
            while connection.send(bytes), count < 2_000 {
                count += 1
                usleep(pause)
            }
            #expect(count < 2_000)
        }
        expectAlive(strict)
    }

    @Test("a header that does not arrive, and a connection that rests, are closed after the idle time")
    func slowHeader() throws {
        let server = try Server(host: "--idle-timeout", "2s", "--request-timeout", "60s")
        let silent = try RawConnection(server)
        let dripping = try RawConnection(server)
        let resting = try RawConnection(server)
        resting.send(RawRequest.get("/health"))
        #expect(resting.reply()?.status == 200)
        dripping.send("GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        #expect((0..<2_000).contains { _ in !dripping.send("a") || dripping.ends(within: 0.05) })
        #expect(silent.ends(within: 60))
        #expect(resting.ends(within: 60))
        expectAlive(server)
    }

    @Test("a body that does not arrive, or drips, gets 408 after its time")
    func slowBody() throws {
        let server = try Server(host: "--request-timeout", "400ms", "--idle-timeout", "10s")
        let head =
            "POST /call/add HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n["
        let silent = try RawConnection(server)
        silent.send(head)
        let reply = try #require(silent.reply(within: 60))
        #expect(reply.status == 408)
        #expect(try reply.problem() == "request-timeout")
        #expect(silent.ends(within: 60))
        let dripping = try RawConnection(server)
        dripping.send(head)
        // Fewer than it has announced.
        var answer: Reply?
        for _ in 0..<900 where answer == nil {
            dripping.send(" ")
            answer = dripping.reply(within: 0.05)
        }
        #expect(answer?.status == 408)
        expectAlive(server)
    }

    @Test("a client that does not take its answer is cut off")
    func slowReader() throws {
        let server = try Server(host: "--request-timeout", "500ms", "--max-body", "32MiB")
        let connection = try RawConnection(server, receiveBuffer: 1 << 16)
        // More than the kernel keeps for the two of them.
        let text = String(repeating: "a", count: 24 << 20)
        connection.send(RawRequest.call("echo", "[\"\(text)\"]"))
        #expect(connection.hasData(within: 60))
        // Nobody is left but who asks.
        #expect(server.comesToSay("palimpsest_http_connections 1\n"))
        // What the kernel had taken by then still comes.
        #expect(connection.byteCountUntilEnd(within: 60).map { $0 < text.utf8.count } == true)
        expectAlive(server)
    }

    @Test("a body cut short by the client is not taken for a whole one")
    func truncatedBody() throws {
        let server = try Self.shared.get()
        let connection = try RawConnection(server)
        connection.send(
            "POST /call/add HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[1,2]"
        )
        connection.closeSending()
        let reply = connection.reply(within: 60)
        #expect(reply == nil || reply?.status == 400)
        expectAlive(server)
    }

    @Test("requests sent all at once are answered in order, also with bytes behind them that are none")
    func pipelining() throws {
        let server = try Self.shared.get()
        let connection = try RawConnection(server)
        connection.send((0..<200).map { RawRequest.call("add", "[\($0),1]") }.joined() + "NONSENSE\r\n\r\n")
        for index in 0..<200 { #expect(connection.reply()?.text == "{\"result\":\(index + 1)}") }
        #expect(connection.reply()?.status == 400)
        #expect(connection.ends(within: 60))
    }

    @Test("bytes of a request that come one by one make the same request")
    func oneByOne() throws {
        let connection = try RawConnection(try Self.shared.get())
        for byte in RawRequest.call("add", "[20,22]").utf8 { connection.send([byte]) }
        #expect(connection.reply()?.text == #"{"result":42}"#)
    }

    @Test("an answer to HEAD has no body, and the connection goes on")
    func head() throws {
        let connection = try RawConnection(try Self.shared.get())
        connection.send(
            "HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\nHEAD /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
                + RawRequest.get("/health"))
        let reply = try #require(connection.reply(isHead: true))
        #expect(reply.status == 200)
        #expect(reply.headers["content-length"] == "18")
        #expect(connection.reply(isHead: true)?.status == 404)
        #expect(connection.reply()?.text == #"{"status":"alive"}"#)
    }

    @Test("a request for another protocol is answered in this one, and ends the connection")
    func upgrade() throws {
        let connection = try RawConnection(try Self.shared.get())
        connection.send(
            RawRequest.get("/health", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"))
        let reply = try #require(connection.reply(within: 60))
        #expect(reply.status == 200)
        #expect(reply.headers["connection"] == "close")
        #expect(connection.ends(within: 60))
    }

    @Test(
        "a client that wants the connection closed behind the answer gets that, and one of HTTP/1.0 unless it does not",
        arguments: [
            ("1.1\r\nConnection: close", true), ("1.1\r\nConnection: Close", true), ("1.0", true), ("1.1", false),
            ("1.0\r\nConnection: keep-alive", false),
        ])
    func close(version: String, closes: Bool) throws {
        let connection = try RawConnection(try Self.shared.get())
        connection.send("GET /health HTTP/\(version)\r\nHost: localhost\r\n\r\n")
        let reply = try #require(connection.reply())
        #expect(reply.status == 200)
        #expect((reply.headers["connection"] == "close") == closes)
        if closes { #expect(connection.ends(within: 60)) }
        connection.send(RawRequest.get("/health"))
        #expect((connection.reply(within: closes ? 0.1 : 60) == nil) == closes)
    }

    @Test("curl's Expect: 100-continue is answered")
    func expectContinue() throws {
        let server = try Self.shared.get()
        // curl gives up before it sends the body unasked.
        let reply = try server.call("echo", "[\"a\"]", "--header", "Expect: 100-continue", "--expect100-timeout", "60")
        #expect(reply.text == #"{"result":"a"}"#)
    }

    @Test("connections beyond the limit wait until others end")
    func connectionLimit() throws {
        let server = try Server(host: "--max-connections", "2")
        var connections = try (0..<8).map { _ in try RawConnection(server) }
        for connection in connections { connection.send(RawRequest.get("/health")) }
        #expect(connections[0].reply()?.status == 200)
        // A few are accepted in one go, so that the limit may be passed by those; the last one is never among them.
        let last = connections.removeLast()
        #expect(last.reply(within: 0.5) == nil)
        connections.removeAll()
        #expect(last.reply()?.status == 200)
        expectAlive(server)
    }

    @Test("hundreds of connections that come, say half a thing and go leave nothing behind")
    func churn() throws {
        let server = try Server(["--no-sandbox"])
        for index in 0..<300 {
            let connection = try RawConnection(server)
            connection.send(String(RawRequest.call("add", "[1,2]").prefix(index)))
        }
        #expect(server.comesToSay("palimpsest_http_connections 1\n"))
        #expect(server.isAnswering(0))
    }
}
