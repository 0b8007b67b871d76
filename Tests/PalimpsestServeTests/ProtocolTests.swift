import Foundation
import Testing

/// What RFC 9112 and RFC 9110 ask of a server: framing, Host, targets, connections and Expect.
@Suite("The protocol, section by section")
struct ProtocolTests {
    private static let shared = Result { try Server(host: "--max-header", "2048", "--max-body", "1000") }

    private static let get = "GET /health HTTP/1.1|"
    private static let host = "Host: localhost|"
    private static let long = String(repeating: "a", count: 3_000)
    /// A whole request.
    private static let health = get + host + "|"
    private static let old = "GET /health HTTP/1.0|"
    /// What a call's own fields and its body are put behind.
    private static let call = "POST /call/add HTTP/1.1|Host: localhost|Content-Type: application/json|"
    private static let chunks = "5|[1,2]|0||"

    private func expect(_ expected: ProtocolCase) throws {
        let connection = try RawConnection(try Self.shared.get())
        connection.send(expected.wire)
        var statuses: [Int] = []
        while statuses.count < expected.statuses.count, let reply = connection.reply(isHead: expected.bytes.isHead) {
            statuses += Array(repeating: 100, count: reply.interimCount) + [reply.status]
            let isLast = statuses.count == expected.statuses.count
            #expect((reply.headers["connection"] == "close") == (isLast && expected.afterwards == .ends))
        }
        #expect(statuses == expected.statuses)
        switch expected.afterwards {
        case .ends: #expect(connection.ends(within: 60))
        case .goesOn:
            connection.send("GET /functions HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(connection.reply()?.text.hasPrefix("{\"functions\"") == true)
        }
    }

    @Test("lines and the request line", arguments: lineCases)
    func lines(expected: ProtocolCase) throws { try expect(expected) }

    private static let lineCases = [
        ProtocolCase("2.2", "|" + health, [200]),
        ProtocolCase("2.2", "GET /health HTTP/1.1\nHost: localhost\n\n", [400], .ends),
        ProtocolCase("2.2", get + "Host: localhost\nX: y||", [400], .ends),
        ProtocolCase("2.2", get + host + "X: a\rb||", [400], .ends),
        ProtocolCase("2.2", get + host + "X: a\rHost: b||", [400], .ends),
        ProtocolCase("2.2", "GET /health\r HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("2.2", get + " X: y|" + host + "|", [400], .ends),
        ProtocolCase("2.2", get + "\t" + host + "|", [400], .ends),
        ProtocolCase("9110 15.6.6", "GET /health HTTP/2.0|" + host + "|", [505], .ends),
        ProtocolCase("9110 15.6.6", "GET /health HTTP/1.2|" + host + "|", [505], .ends),
        ProtocolCase("9110 15.6.6", "GET /health HTTP/0.9|" + host + "|", [505], .ends),
        ProtocolCase("9110 15.6.6", "PRI * HTTP/2.0||SM||", [505], .ends),
        ProtocolCase("9110 15.6.6", "HEAD /health HTTP/3.0|" + host + "|", [505], .ends),
        ProtocolCase("2.3", "GET /health http/1.1|" + host + "|", [400], .ends),
        ProtocolCase("2.3", "GET /health HTTP/1.10|" + host + "|", [400], .ends),
        ProtocolCase("2.3", "GET /health HTTP/1|" + host + "|", [400], .ends),
        ProtocolCase("2.3", "GET /health HTTP/11.1|" + host + "|", [400], .ends),
        ProtocolCase("2.3", "GET /health HTTP/1.x|" + host + "|", [400], .ends),
        ProtocolCase("3", "GET /health|" + host + "|", [400], .ends),
        ProtocolCase("3", "GET\t/health HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("3", "GET /health HTTP/1.1 |" + host + "|", [400], .ends),
        ProtocolCase("3", "GET /" + long + " HTTP/1.1|" + host + "|", [414], .ends),
        ProtocolCase("3", "||GET http://" + long, [414], .ends),
        ProtocolCase("9110 9.1", "get /health HTTP/1.1|" + host + "|", [501], .ends),
        ProtocolCase("9110 9.1", "FROBNICATE /health HTTP/1.1|" + host + "|", [501], .ends),
        ProtocolCase("9110 9.1", "DESCRIBE /health HTTP/1.1|" + host + "|", [501], .ends),
        ProtocolCase("9110 9.1", "PROPFIND /health HTTP/1.1|" + host + "|", [405]),
        ProtocolCase("3.1", "G@T /health HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("3.1", " /health HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("3.1", "hello|" + host + "|", [400], .ends),
        ProtocolCase("3.1", "\u{16}\u{3}\u{1} / HTTP/1.1|", [400], .ends),
        ProtocolCase("5", get + host + "X y||", [400], .ends),
        ProtocolCase("5", get + host + ": y||", [400], .ends),
        ProtocolCase("5", get + host + "X(y): z||", [400], .ends),
        ProtocolCase("5", get + host + "X:||", [200]),
        ProtocolCase("5.1", get + host + "X : y||", [400], .ends),
        ProtocolCase("5.1", get + host + "X\t: y||", [400], .ends),
        ProtocolCase("5.1", get + "Host:localhost|X:y||", [200]),
        ProtocolCase("5.1", get + "Host:\t localhost \t ||", [200]),
        ProtocolCase("5.2", get + host + "X: a| b||", [400], .ends),
        ProtocolCase("5.2", get + host + "X:|\tb||", [400], .ends),
        ProtocolCase("5.2", get + "Host:| localhost||", [400], .ends),
        ProtocolCase("9110 5.5", get + host + "X: a\0b||", [400], .ends),
        ProtocolCase("9110 5.4", get + host + "X: " + long + "||", [431], .ends),
    ]

    @Test("a request line is measured from its own beginning, however it arrives")
    func requestLine() throws {
        let server = try Server(host: "--max-header", "2048")
        let connection = try RawConnection(server)
        let query = String(repeating: "a", count: 900)
        // A line with the next, with its fields or with a body would be too long.
        for _ in 0..<3 {
            connection.send("POST /call/add?\(query)")
            #expect(!connection.hasData(within: 0.05))
            connection.send(query + " HTTP/1.1\r\nHost: localhost\r\nContent-Type:")
            #expect(!connection.hasData(within: 0.05))
            connection.send(" application/json\r\nContent-Length: 3005\r\n\r\n")
            connection.send(String(repeating: " ", count: 3_000) + "[1,2]")
            #expect(connection.reply()?.text == #"{"result":3}"#)
        }
        connection.send("GET /\(query)")
        #expect(!connection.hasData(within: 0.05))
        connection.send(query + query)
        #expect(connection.reply()?.status == 414)
        withExtendedLifetime(server) {}
    }

    @Test("Host", arguments: hostCases)
    func hosts(expected: ProtocolCase) throws { try expect(expected) }

    private static let hostCases =
        [
            ProtocolCase("3.2", get + "|", [400], .ends),
            ProtocolCase("3.2", get + host + host + "|", [400], .ends),
            ProtocolCase("3.2", get + host + "Host: 127.0.0.1||", [400], .ends),
            ProtocolCase("3.2", "HEAD /health HTTP/1.1||", [400], .ends),
            ProtocolCase("3.2", old + "|", [200], .ends),
            ProtocolCase("3.2", old + host + host + "|", [400], .ends),
            ProtocolCase("3.2", old + "Host: a b||", [400], .ends),
            ProtocolCase("3.2", health + get + "|" + health, [200, 400], .ends),
        ]
        + [
            "a b", "a/b", "u@a", "a:b", "a:80:80", "a:99999", "a:-1", "[::1", "[::1]x", "[g::1]", "[127.0.0.1]", "é",
            "a?b",
            "a%zz", "http://a", "\"a\"", "a\\b",
        ].map { ProtocolCase("3.2", get + "Host: \($0)||", [400], .ends) }
        + [
            "", "LOCALHOST.", "a.localhost:1", "localhost:", "127.0.0.1:1", "[::1]", "[::1]:80", "10.1.2.3",
        ].map { ProtocolCase("9110 7.2", get + "Host: \($0)||", [200]) }
        + [
            "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "127.1",
            "2130706433",
            "0x7f.1", "xlocalhost", "localhost..", "a,b",
        ].map { ProtocolCase("9110 7.4", get + "Host: \($0)||", [421]) }
        + ["/metrics", "/ready", "/functions", "/call/add", "/nothing", "*"].map {
            ProtocolCase("9110 15.5.20", "GET \($0) HTTP/1.1|Host: evil.example||", [421])
        }

    @Test("targets", arguments: targetCases)
    func targets(expected: ProtocolCase) throws { try expect(expected) }

    private static let targetCases = [
        ProtocolCase("3.2", "GET /hea lth HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("3.2", "GET /health#x HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("3.2", "GET /health?a#x HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("3.2.1", "GET /health?a=/b? HTTP/1.1|" + host + "|", [200]),
        ProtocolCase("3.2.1", "GET health HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("3.2.2", "GET http://localhost/health HTTP/1.1|" + host + "|", [200]),
        ProtocolCase("3.2.2", "GET HTTP://[::1]:80/health?a HTTP/1.1|" + host + "|", [200]),
        ProtocolCase("3.2.2", "GET http://localhost/health HTTP/1.1|Host: evil.example||", [200]),
        ProtocolCase("3.2.2", "GET http://evil.example/health HTTP/1.1|" + host + "|", [421]),
        ProtocolCase("3.2.2", "GET http://localhost/health HTTP/1.1||", [400], .ends),
        ProtocolCase("3.2.2", "GET http://localhost HTTP/1.1|" + host + "|", [404]),
        ProtocolCase("3.2.2", "GET http://localhost?x HTTP/1.1|" + host + "|", [404]),
        ProtocolCase("9110 4.2.1", "GET http:///health HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("9110 4.2.4", "GET http://u@localhost/health HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("9110 7.4", "GET https://localhost/health HTTP/1.1|" + host + "|", [421], .ends),
        ProtocolCase("3.2.3", "GET localhost:80 HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("3.2.3", "CONNECT localhost:80 HTTP/1.1|" + host + "|", [400], .ends),
        ProtocolCase("3.2.4", "GET * HTTP/1.1|" + host + "|", [400]),
        ProtocolCase("3.2.4", "OPTIONS * HTTP/1.1|" + host + "|", [200]),
        ProtocolCase("3.2.4", "OPTIONS http://localhost HTTP/1.1|" + host + "|", [200]),
        ProtocolCase("3.2.4", "OPTIONS http://evil.example HTTP/1.1|" + host + "|", [421]),
        ProtocolCase("9110 9.3.7", "OPTIONS /health HTTP/1.1|" + host + "|", [405]),
        ProtocolCase("9110 9.3.8", "TRACE /health HTTP/1.1|" + host + "|", [405]),
    ]

    @Test("transfer codings and lengths", arguments: framingCases)
    func framing(expected: ProtocolCase) throws { try expect(expected) }

    private static let framingCases =
        [
            ProtocolCase("6.1", call + "Transfer-Encoding: Chunked||" + chunks + health, [200, 200]),
            ProtocolCase("6.1", call + "Transfer-Encoding: gzip, chunked||" + chunks, [501], .ends),
            ProtocolCase("6.1", call + "Transfer-Encoding: gzip|Transfer-Encoding: chunked||" + chunks, [501], .ends),
            ProtocolCase("6.1", get + host + "Transfer-Encoding: gzip||" + health, [400], .ends),
            ProtocolCase("6.1", call + "Content-Length: 5|Transfer-Encoding: chunked||" + chunks, [400], .ends),
            ProtocolCase("6.1", call + "Transfer-Encoding: chunked|Content-Length: 5||" + chunks, [400], .ends),
            ProtocolCase(
                "6.1",
                "POST /call/add HTTP/1.0|Content-Type: application/json|Connection: keep-alive|"
                    + "Transfer-Encoding: chunked||" + chunks + health, [400], .ends),
            ProtocolCase("6.2", call + "Content-Length: 5 ||[1,2]" + health, [200, 200]),
            ProtocolCase("6.3", call + "Content-Length: 5|Content-Length: 6||[1,2]", [400], .ends),
            ProtocolCase("6.3", call + "Content-Length:| 5||[1,2]", [400], .ends),
            ProtocolCase("6.3", call + "|" + health, [400, 200]),
            ProtocolCase("6.3", get + host + "Content-Length: 5||abcde" + health, [200, 200]),
        ]
        + [
            "gzip", "chunked, gzip", "chunked, chunked", "identity", "xchunked", "chunked;q=1", "", "\"chunked\"",
            "chunked foo", "\u{b}chunked",
        ].map { ProtocolCase("6.3", call + "Transfer-Encoding: \($0)||" + chunks + health, [400], .ends) }
        + ["+5", "-5", "5x", "0x5", "5 5", "5, 6", "", "5.0", "18446744073709551621", "٥"].map {
            ProtocolCase("6.3", call + "Content-Length: \($0)||[1,2]" + health, [400], .ends)
        }

    @Test("chunks", arguments: chunkCases)
    func chunked(expected: ProtocolCase) throws { try expect(expected) }

    private static let chunkCases =
        [
            "2|[1|3|,2]|0||", "A|[1,2     ]|0||", "a|[1,2     ]|0||", "0005|[1,2]|000||", "5;a=b|[1,2]|0;c||",
            "5;a=\"b;c\"|[1,2]|0||", "5|[1,2]|0|X: y|Host: evil.example||",
        ].map { ProtocolCase("7.1", call + "Transfer-Encoding: chunked||\($0)" + health, [200, 200]) }
        + [
            "|[1,2]|0||", "x|[1,2]|0||", "0x5|[1,2]|0||", "-5|[1,2]|0||", "+5|[1,2]|0||", " 5|[1,2]|0||",
            "10000000000000005|[1,2]|0||", "5|[1,2]x|0||", "5|[1,2]0||", "5\n[1,2]|0||", "5|[1,2]\n0||", "5|[1,2]|0\n|",
            "5\r[1,2]|0||", "5;a\n[1,2]|0||", "5;a\rb|[1,2]|0||", "5|[1,2]|0|X y||",
        ].map { ProtocolCase("7.1", call + "Transfer-Encoding: chunked||\($0)" + health, [400], .ends) }

    @Test("connections that stay open, and those that do not", arguments: connectionCases)
    func connections(expected: ProtocolCase) throws { try expect(expected) }

    private static let connectionCases =
        [
            ProtocolCase("9.3", health + health, [200, 200]),
            ProtocolCase("9.3", old + "|" + health, [200], .ends),
            ProtocolCase("9.3", get + host + "Connection: x|Connection: close||" + health, [200], .ends),
            ProtocolCase("9.3", old + "Connection: keep-alive|Connection: close||" + health, [200], .ends),
            ProtocolCase(
                "9.3.2", call + "Content-Length: 5||[1,2]" + health + call + "Transfer-Encoding: chunked||" + chunks,
                [200, 200, 200]),
            ProtocolCase("9.3.2", health + call + "Content-Length: 5000||", [200, 413], .ends),
            ProtocolCase(
                "9.3.2", health + health + "POST /call/no HTTP/1.1|" + host + "Content-Length: 5||[",
                [200, 200, 404], .ends),
            ProtocolCase("9.6", get + host + "Connection: close||NONSENSE||", [200], .ends),
            ProtocolCase("9110 7.8", get + host + "Connection: upgrade|Upgrade: websocket||" + health, [200], .ends),
            ProtocolCase("9110 9.3.2", "HEAD /health HTTP/1.1|" + host + "|", [200]),
        ]
        + ["close", "Close", "keep-alive, close", "x,close"].map {
            ProtocolCase("9.3", get + host + "Connection: \($0)||" + health, [200], .ends)
        }
        + ["close", "keep-alive, close", "close, keep-alive", "x"].map {
            ProtocolCase("9.3", old + "Connection: \($0)||" + health, [200], .ends)
        }

    @Test("an answer does not end the connection for a request behind it whose body is still to come")
    func pipelinedBody() throws {
        let connection = try RawConnection(try Self.shared.get())
        connection.send(ProtocolCase("", Self.health + Self.call + "Content-Length: 5||[1", []).wire)
        let first = try #require(connection.reply())
        #expect(first.status == 200 && first.headers["connection"] == nil)
        connection.send(",2]")
        #expect(connection.reply()?.text == #"{"result":3}"#)
    }

    @Test("what the server has is told to OPTIONS, without leave for other origins")
    func options() throws {
        let connection = try RawConnection(try Self.shared.get())
        connection.send(ProtocolCase("", "OPTIONS * HTTP/1.1|" + Self.host + "Origin: http://evil.example||", []).wire)
        let reply = try #require(connection.reply())
        #expect(reply.headers["allow"] == "GET, HEAD, POST, OPTIONS")
        #expect(!reply.headers.keys.contains { $0.hasPrefix("access-control") })
    }

    @Test(
        "a connection of HTTP/1.0 that stays open is announced",
        arguments: ["keep-alive", "Keep-Alive", "x, keep-alive"])
    func keepAlive(option: String) throws {
        let connection = try RawConnection(try Self.shared.get())
        // Section C.2.2. The third ends the connection, the fourth is not answered.
        let open = "GET /health HTTP/1.0\r\nConnection: \(option)\r\n\r\n"
        connection.send(open + RawRequest.get("/health") + open + "GET /health HTTP/1.0\r\n\r\n" + open)
        #expect(
            (0..<4).map { _ in connection.reply()?.headers["connection"] } == [
                "keep-alive", nil, "keep-alive", "close",
            ])
        #expect(connection.ends(within: 60))
    }

    @Test("Expect", arguments: expectationCases)
    func expectations(expected: ProtocolCase) throws { try expect(expected) }

    private static let expectationCases = [
        ProtocolCase("9110 10.1.1", call + "Expect: 100-Continue|Content-Length: 5||[1,2]", [100, 200]),
        ProtocolCase("9110 10.1.1", call + "Expect: 100-continue|Transfer-Encoding: chunked||" + chunks, [100, 200]),
        ProtocolCase("9110 10.1.1", call + "Expect: 100-continue||", [400]),
        ProtocolCase("9110 10.1.1", get + host + "Expect: 100-continue||", [200]),
        ProtocolCase("9110 10.1.1", call + "Expect: x|Content-Length: 5||[1,2]", [417]),
        ProtocolCase("9110 10.1.1", call + "Expect: 100-continue, x|Content-Length: 5||[1,2]", [417]),
        ProtocolCase(
            "9110 15.2",
            "POST /call/add HTTP/1.0|Content-Type: application/json|Expect: 100-continue|Content-Length: 5||[1,2]",
            [200],
            .ends),
        ProtocolCase(
            "9110 10.1.1", "POST /call/no HTTP/1.1|" + host + "Expect: 100-continue|Content-Length: 5||", [404], .ends),
        ProtocolCase(
            "9110 10.1.1", "POST /call/add HTTP/1.1|" + host + "Expect: 100-continue|Content-Length: 5||", [415], .ends),
        ProtocolCase("9110 10.1.1", call + "Expect: 100-continue|Content-Length: 5000||", [413], .ends),
    ]

    @Test("a client that waits for 100 Continue gets it before it sends its body")
    func waiting() throws {
        let connection = try RawConnection(try Self.shared.get())
        connection.send(ProtocolCase("", Self.call + "Expect: 100-continue|Content-Length: 5||", []).wire)
        #expect(connection.hasData(within: 60))
        connection.send("[1,2]")
        let reply = try #require(connection.reply())
        #expect(reply.interimCount == 1)
        #expect(reply.text == #"{"result":3}"#)
    }
}

extension String {
    fileprivate var isHead: Bool { hasPrefix("HEAD") }
}
