import Foundation
import Testing

@Suite("Start and end of the server")
struct LifeTests {
    /// Rounds that take some seconds.
    private static let longLoop = RawRequest.call("loop", "[6000000000]")

    @Test(
        "SIGTERM and SIGINT let a running call end, take no new connection, and exit with 0",
        arguments: [SIGTERM, SIGINT])
    func gracefulEnd(signal: Int32) throws {
        let server = try Server(guest: "--call-timeout", "60s", "--drain-timeout", "60s")
        let connection = try RawConnection(server)
        let resting = try RawConnection(server)
        resting.send(RawRequest.get("/health"))
        #expect(resting.reply()?.status == 200)
        connection.send(LifeTests.longLoop)
        #expect(server.isAnswering(1))
        server.signal(signal)
        #expect(resting.ends(within: 60))
        #expect(throws: Failure.self) {
            for _ in 0..<1_000 {
                _ = try RawConnection(server)
                usleep(20_000)
            }
        }
        let reply = try #require(connection.reply(within: 60))
        #expect(reply.text == #"{"result":6000000000}"#)
        #expect(reply.headers["connection"] == "close")
        #expect(server.exitStatus(within: 60) == 0)
    }

    @Test("a call that does not end in time is stopped and told so, and the exit is 0 all the same")
    func drainTimeout() throws {
        let server = try Server(guest: "--call-timeout", "60s", "--drain-timeout", "300ms")
        let connection = try RawConnection(server)
        connection.send(RawRequest.call("spin", "[]"))
        #expect(server.isAnswering(1))
        server.signal(SIGTERM)
        let reply = try #require(connection.reply(within: 50))
        #expect(reply.status == 503)
        #expect(try reply.problem() == "shutting-down")
        #expect(reply.headers["retry-after"] != nil)
        #expect(server.exitStatus(within: 60) == 0)
    }

    @Test("clients that do nothing, or half a request, do not hold up the end")
    func stubbornClients() throws {
        let server = try Server(guest: "--drain-timeout", "300ms", "--request-timeout", "60s", "--idle-timeout", "60s")
        let silent = try RawConnection(server)
        let half = try RawConnection(server)
        half.send(
            "POST /call/add HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n["
        )
        #expect(server.isAnswering(1))
        server.signal(SIGTERM)
        // Before any of their own time limits.
        #expect(server.exitStatus(within: 50) == 0)
        withExtendedLifetime((silent, half)) {}
    }

    @Test("during --drain-delay the server is not ready, and takes calls")
    func drainDelay() throws {
        let server = try Server(guest: "--drain-delay", "60min")
        #expect(try server.get("/ready").text == #"{"status":"ready"}"#)
        server.signal(SIGTERM)
        #expect(server.logs("shutting down"))
        let reply = try server.get("/ready")
        #expect(reply.status == 503)
        #expect(try reply.problem() == "shutting-down")
        #expect(try server.get("/health").status == 200)
        #expect(try server.call("add", "[1,2]").text == #"{"result":3}"#)
        let hasty = try Server(host: "--drain-delay", "100ms")
        hasty.signal(SIGTERM)
        #expect(hasty.exitStatus(within: 60) == 0)
    }

    @Test("what people asked to see and cannot be written is 74", arguments: ["--help", "--version"])
    func unwritable(option: String) throws {
        let server = try BuiltProduct.url("palimpsest-serve").path
        for redirection in [">/dev/full", ">&-"] {
            let (status, _, errors) = try BuiltProduct.run(
                URL(fileURLWithPath: "/bin/sh"), ["-c", "'\(server)' \(option) \(redirection)"])
            #expect(status == 74)
            #expect(errors.contains("palimpsest-serve: error: Standard output cannot be written: "), "\(errors)")
        }
    }

    private func start(_ arguments: String...) throws -> (status: Int32, output: String, errors: String) {
        try BuiltProduct.run(try BuiltProduct.url("palimpsest-serve"), arguments)
    }

    @Test(
        "wrong arguments exit with 64 and say what was expected",
        arguments: [
            ([], "a guest"), (["x", "--port", "70000"], "0 to 65535"), (["x", "--pool", "0"], "--pool"),
            (["x", "--pool", "9-3"], "--pool"), (["x", "--call-timeout", "5"], "500ms"),
            (["x", "--rollback", "sometimes"], "every-call"), (["x", "--max-body", "1"], "--max-body"),
            (["x", "--socket", String(repeating: "a", count: 108)], "107"), (["--snapshot", "x"], "--snapshot"),
            (["--snapshot", "a=x", "--snapshot", "a=y"], "'a' twice"), (["x", "--frobnicate"], "--frobnicate"),
            (["x", "--log-level", "loud"], "--log-level"),
        ])
    func usage(arguments: [String], hint: String) throws {
        let (status, output, errors) = try BuiltProduct.run(try BuiltProduct.url("palimpsest-serve"), arguments)
        #expect(status == 64)
        #expect(output.isEmpty)
        #expect(errors.hasPrefix("palimpsest-serve: error: "), "\(errors)")
        #expect(errors.contains(hint), "\(errors)")
    }

    @Test("what cannot be served is said before anything is, with the tool's exit codes")
    func startFailures() throws {
        let guest = try ServedGuest.shared.get()
        #expect(try start("/dev/null").status == 66)
        #expect(try start("/nowhere.elf").status == 66)
        let tag = try start(guest.snapshot + "x")
        #expect(tag.status == 64)
        #expect(tag.errors.contains("guestx"))
        #expect(try start(guest.snapshot, "--heap", "1MiB").status == 64)
        let pool = try start(guest.snapshot, "--pool", "1000000")
        #expect(pool.status == 64)
        #expect(pool.errors.contains("16384"))
        #expect(try start(guest.snapshot, "--threads", "0").status == 64)
        let first = try Server(["--no-sandbox"])
        let second = try start("--no-sandbox", "--port", "\(first.port)")
        #expect(second.status == 69)
        #expect(second.errors.contains("Cannot listen on 127.0.0.1 port \(first.port)"), "\(second.errors)")
        #expect(try start("--no-sandbox", "--host", "no.such.host.invalid").status == 69)
        #expect(try start("--no-sandbox", "--socket", "/nowhere/socket").status == 69)
    }

    @Test("--help has examples and the exit codes, --version the version")
    func help() throws {
        let help = try start("--help")
        #expect(help.status == 0)
        for text in ["Examples:", "--rollback", "--pool", "curl --json", " 69  "] {
            #expect(help.output.contains(text))
        }
        #expect(!help.output.contains("--no-sandbox"))
        #expect(try start("--version").status == 0)
    }
}
