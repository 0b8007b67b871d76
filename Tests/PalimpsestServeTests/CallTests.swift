import Foundation
import Testing

@Suite("Calls over HTTP")
struct CallTests {
    private static let shared = Result { try Server(guest: "--pool", "4", "--rollback", "every-call") }

    @Test(
        "values come back as they went",
        arguments: [
            ("not", "[true]", "false"), ("small", "[-128]", "-128"),
            ("same", "[-9223372036854775808]", "-9223372036854775808"),
            ("same", "[9007199254740993]", "9007199254740993"),
            ("large", "[18446744073709551615]", "18446744073709551615"), ("single", "[0.1]", "0.1"),
            ("number", "[0.1]", "0.1"), ("number", "[\"NaN\"]", "\"NaN\""),
            ("number", "[\"-Infinity\"]", "\"-Infinity\""),
            ("copy", "[\"AP8Q\"]", "\"AP8Q\""),
            ("echo", "[\"grüße \\u0000 \\ud83d\\ude00 \\\"\"]", "\"grüße \\u0000 😀 \\\"\""),
            ("add", " [ 40 , 2 ] ", "42"), ("nothing", "[]", "null"),
        ])
    func values(function: String, arguments: String, result: String) throws {
        let reply = try Self.shared.get().call(function, arguments)
        #expect(reply.status == 200)
        #expect(reply.headers["content-type"] == "application/json")
        #expect(reply.text == "{\"result\":\(result)}")
    }

    @Test("half a megabyte of text and of bytes makes the round trip")
    func large() throws {
        let server = try Self.shared.get()
        let scratch = try Scratch()
        for (function, text) in [
            ("echo", String(repeating: "ä\\n", count: 1 << 17)), ("copy", String(repeating: "AP8Q", count: 1 << 17)),
        ] {
            let file = try scratch.file(function, "[\"\(text)\"]")
            let reply = try server.call(function, "@\(file.path)")
            #expect(reply.status == 200)
            #expect(reply.text == "{\"result\":\"\(text)\"}")
        }
    }

    @Test("wrong arguments are answered by the signature, what was expected and what was found")
    func wrongArguments() throws {
        let server = try Self.shared.get()
        let count = try server.call("add", "[1]")
        #expect(count.status == 422)
        #expect(try count.problem() == "invalid-arguments")
        #expect(try count.json()["signature"] as? String == "(Int64, Int64) -> Int64")
        #expect(try count.json()["expected"] as? Int == 2)
        #expect(try count.json()["found"] as? Int == 1)
        let range = try server.call("small", "[128]").json()
        #expect(range["argument"] as? Int == 1)
        #expect((range["expected"] as? String)?.contains("from -128 to 127") == true)
        #expect((range["detail"] as? String)?.contains("128") == true)
        let syntax = try server.call("add", "[1,")
        #expect(syntax.status == 400)
        #expect(try syntax.json()["offset"] as? Int == 3)
    }

    @Test("unknown functions and snapshots are 404, with those there are")
    func unknown() throws {
        let server = try Self.shared.get()
        let function = try server.call("nope", "[]")
        #expect(function.status == 404)
        #expect(try function.problem() == "unknown-function")
        #expect((try function.json()["available"] as? [String])?.contains("echo") == true)
        let snapshot = try server.call("nope/echo", "[]")
        #expect(try snapshot.problem() == "unknown-snapshot")
        #expect(try snapshot.json()["available"] as? [String] == ["default"])
        #expect(try server.call("default/add", "[1,2]").text == #"{"result":3}"#)
    }

    @Test("/functions has names and signatures")
    func functions() throws {
        let reply = try Self.shared.get().get("/functions")
        let functions = try #require(try reply.json()["functions"] as? [[String: Any]])
        let add = try #require(functions.first { $0["name"] as? String == "add" })
        #expect(add["signature"] as? String == "(Int64, Int64) -> Int64")
        #expect(add["arguments"] as? [String] == ["Int64", "Int64"])
        #expect(add["result"] as? String == "Int64")
        #expect(add["snapshot"] as? String == "default")
    }

    @Test(
        "what a call ends in has a status and a type of its own",
        arguments: [
            ("fail", 422, "function-error"), ("crash", 502, "guest-fault"), ("giveUp", 502, "guest-fault"),
            ("badText", 502, "guest-misbehaved"), ("badPointer", 502, "guest-misbehaved"),
        ])
    func outcomes(function: String, status: Int, kind: String) throws {
        let server = try Self.shared.get()
        let reply = try server.call(function, "[]")
        #expect(reply.status == status)
        #expect(try reply.problem() == kind)
        // Not the guest's addresses, not what it said when it gave up.
        for secret in ["0x", "secret", "crash+"] { #expect(!reply.text.contains(secret)) }
        #expect(try server.call("add", "[1,2]").status == 200)
    }

    @Test("a function's own error has its message and code; a host function that is not offered is named")
    func functionError() throws {
        let server = try Self.shared.get()
        let error = try server.call("fail", "[]").json()
        #expect(error["code"] as? Int == 7)
        #expect(error["detail"] as? String == "out of \\u{1b}[31mluck")
        let host = try server.call("askHost", "[\"why\"]")
        #expect(host.status == 502)
        #expect((try host.json()["detail"] as? String)?.contains("'ask'") == true)
    }

    @Test("with --show-faults a client sees where a function crashed; the log always does")
    func faults() throws {
        let server = try Server(guest: "--show-faults")
        let fault = try #require(try server.call("crash", "[]").json()["fault"] as? [String: Any])
        #expect(fault["kind"] as? String == "exception")
        #expect(fault["vector"] as? Int == 14)
        #expect((fault["symbol"] as? String)?.hasPrefix("crash+0x") == true)
        #expect(fault["address"] as? String == "0x0")
        #expect(server.logs("in `crash`+0x"))
    }

    @Test("a call is stopped at the server's limit, or at the request's if that is less")
    func deadlines() throws {
        // The other limit is one that curl does not wait for.
        for (limit, headers) in [
            ("1s", ["Palimpsest-Timeout-Ms: 3600000", "X: y"]), ("60min", ["Palimpsest-Timeout-Ms: 1000"]),
        ] {
            let server = try Server(guest: "--call-timeout", limit, "--threads", "1")
            for header in headers {
                let reply = try server.call("spin", "[]", "--header", header)
                #expect(reply.status == 504)
                #expect(try reply.problem() == "deadline-exceeded")
                #expect(try reply.json()["ran"] as? Bool == true)
            }
            if limit == "60min" { #expect(try server.call("add", "[1,2]").status == 200) }
        }
    }

    @Test("with every-call each call starts from the snapshot; with never it sees what earlier ones left")
    func rollback() throws {
        let rolling = try Server(guest: "--pool", "1", "--rollback", "every-call")
        for _ in 0..<5 { #expect(try rolling.call("count", "[]").text == #"{"result":1}"#) }
        let keeping = try Server(guest: "--pool", "1", "--rollback", "never")
        for index in 1...5 { #expect(try keeping.call("count", "[]").text == "{\"result\":\(index)}") }
    }

    @Test("when too many calls wait, the next is told so at once, and to come again")
    func overload() throws {
        let server = try Server(guest: "--pool", "1", "--threads", "1", "--queue", "1", "--call-timeout", "60min")
        var connections = try (0..<4).map { _ in try RawConnection(server) }
        for connection in connections { connection.send(RawRequest.call("spin", "[]")) }
        var refused: [RawConnection] = []
        for _ in 0..<300 where refused.count < 2 { refused = connections.filter { $0.hasData(within: 0.05) } }
        // One runs and one waits, for as long as nobody stops them; but the first waits, too, until a thread has taken
        // it.
        #expect((2...3).contains(refused.count))
        for connection in refused {
            let reply = try #require(connection.reply())
            #expect(reply.status == 503)
            #expect(try reply.problem() == "overloaded")
            #expect(reply.headers["retry-after"] == "1")
        }
        connections.removeAll { connection in !refused.contains { $0 === connection } }
        #expect(try server.call("add", "[1,2]").status == 200)
    }

    @Test("a client that goes away ends its call, running or waiting", arguments: [true, false])
    func clientGone(halfClosed: Bool) throws {
        // Longer than curl waits for the call that comes behind them.
        let server = try Server(guest: "--pool", "1", "--threads", "1", "--call-timeout", "60min")
        var gone: [RawConnection]? = try (0..<3).map { _ in try RawConnection(server) }
        for connection in gone ?? [] { connection.send(RawRequest.call("spin", "[]")) }
        #expect(server.isAnswering(3))
        if halfClosed { for connection in gone ?? [] { connection.closeSending() } } else { gone = nil }
        #expect(try server.call("add", "[1,2]").status == 200)
        let metrics = try server.get("/metrics").text
        #expect(metrics.contains("palimpsest_http_requests_total{route=\"call\",status=\"gone\"} 3\n"))
    }

    @Test("resident sandboxes serve as others do: each call from the snapshot, and stopped at its limit")
    func resident() throws {
        let server = try Server(guest: "--pool", "2", "--resident")
        for _ in 0..<20 { #expect(try server.call("count", "[]").text == #"{"result":1}"#) }
        #expect(try server.call("spin", "[]", "--header", "Palimpsest-Timeout-Ms: 500").status == 504)
        #expect(try server.call("add", "[40,2]").text == #"{"result":42}"#)
    }

    @Test("several guests are called by their names, ELF files and snapshots, with a memory limit, too")
    func snapshots() throws {
        let guest = try ServedGuest.shared.get()
        let server = try Server([
            "--snapshot", "a=\(guest.snapshot)", "--snapshot", "b.c=\(guest.elf)", "--memory-limit", "1GiB",
        ])
        for name in ["a", "b.c"] {
            for _ in 0..<3 { #expect(try server.call("\(name)/count", "[]").text == #"{"result":1}"#) }
            #expect(try server.get("/functions/\(name)").status == 200)
        }
        #expect(try server.call("count", "[]").problem() == "unknown-snapshot")
        #expect(try server.get("/functions/c").status == 404)
    }

    @Test("a Unix socket serves as well, and takes the place of one that was left there")
    func unixSocket() throws {
        let scratch = try Scratch()
        let guest = try ServedGuest.shared.get()
        for _ in 0..<2 {
            let server = try Server([guest.elf, "--socket", scratch.path("s")])
            #expect(server.place == "unix:" + scratch.path("s"))
            #expect(try server.call("add", "[1,2]").text == #"{"result":3}"#)
            server.signal(SIGKILL)
            #expect(server.exitStatus(within: 60) == -SIGKILL)
        }
    }

    @Test("/metrics has what was asked for and what became of it")
    func metrics() throws {
        let server = try Server(guest: "--pool", "2")
        for _ in 0..<3 { _ = try server.call("add", "[1,2]") }
        _ = try server.call("crash", "[]")
        let reply = try server.get("/metrics")
        #expect(reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        for line in [
            "# TYPE palimpsest_http_requests_total counter",
            "palimpsest_http_requests_total{route=\"call\",status=\"200\"} 3",
            "palimpsest_http_requests_total{route=\"call\",status=\"502\"} 1", "palimpsest_http_requests_in_flight 1",
            "palimpsest_http_request_duration_seconds_count{route=\"call\"} 4",
        ] {
            #expect(reply.text.contains(line + "\n"), "\(line)")
        }
        #expect(reply.text.contains("palimpsest_pool_"))
        for line in reply.text.split(separator: "\n") where !line.hasPrefix("#") {
            #expect(line.split(separator: " ").last.flatMap { Double($0) } != nil, "\(line)")
        }
    }

    @Test("many clients at once all get their own answers")
    func concurrency() throws {
        let server = try Server(guest: "--pool", "4", "--queue", "64")
        let connections = try (0..<32).map { _ in try RawConnection(server) }
        for round in 0..<20 {
            for (index, connection) in connections.enumerated() {
                connection.send(
                    index % 8 == 7 ? RawRequest.call("crash", "[]") : RawRequest.call("add", "[\(index),\(round)]"))
            }
            for (index, connection) in connections.enumerated() {
                let reply = try #require(connection.reply())
                if index % 8 == 7 {
                    #expect(reply.status == 502)
                } else {
                    #expect(reply.text == "{\"result\":\(index + round)}")
                }
            }
        }
    }
}
