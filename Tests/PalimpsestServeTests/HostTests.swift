import NIOCore
import Testing

@testable import PalimpsestServe

@Suite("Whom requests are addressed to")
struct HostTests {
    private static func address(_ text: String) throws -> SocketAddress { try SocketAddress(ipAddress: text, port: 80) }

    @Test(
        "on a loopback address, addresses and names of this machine are answered, and those that were allowed",
        arguments: ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
    func loopback(address: String) throws {
        let policy = HostPolicy(
            listeningHost: "here.example", allowed: [try #require(AllowedHost(argument: "There.Example."))])
        let address = try Self.address(address)
        for authority in ["127.0.0.1", "[::1]:1", "localhost", "here.example:80", "there.example", "", nil] {
            #expect(policy.accepts(authority, at: address), "\(authority ?? "none")")
        }
        for authority in ["evil.example", "x.there.example", "there.example.evil", "example", "127.0.0.1.x", "a b"] {
            #expect(!policy.accepts(authority, at: address), "\(authority)")
        }
    }

    @Test("on other addresses any name is answered, unless names were allowed; on a Unix socket always")
    func elsewhere() throws {
        let allowing = HostPolicy(allowed: [try #require(AllowedHost(argument: "there.example"))])
        for address in [try Self.address("192.0.2.1"), try Self.address("2001:db8::1")] {
            #expect(HostPolicy().accepts("any.example", at: address))
            #expect(!allowing.accepts("any.example", at: address))
            #expect(allowing.accepts("there.example", at: address))
        }
        #expect(allowing.accepts("any.example", at: try SocketAddress(unixDomainSocketPath: "/s")))
        #expect(allowing.accepts("any.example", at: nil))
    }

    @Test(
        "what is no name cannot be allowed",
        arguments: ["", "a b", "a:80", "http://a", "127.0.0.1", "[::1]", "a/b", "é"])
    func noName(text: String) { #expect(AllowedHost(argument: text) == nil) }

    @Test("--allow-host has the server answer to a name")
    func allowed() throws {
        let server = try Server(host: "--allow-host", "palimpsest.example", "--allow-host", "b.example")
        for (host, status) in [("palimpsest.example", 200), ("B.EXAMPLE:1", 200), ("c.example", 421)] {
            let connection = try RawConnection(server)
            connection.send("GET /metrics HTTP/1.1\r\nHost: \(host)\r\n\r\n")
            let reply = try #require(connection.reply())
            #expect(reply.status == status)
            if status == 421 { #expect(try reply.problem() == "misdirected-request") }
        }
    }
}
