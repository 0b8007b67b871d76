import Foundation
import Glibc
import Palimpsest
import PalimpsestDebugger
import Testing

/// Debuggers that do not behave: the call ends, the sandbox is as documented, the process goes on.
@Suite(.serialized) struct HostileDebuggerTests {
    /// A bare connection to a debugger's address.
    private final class Client {
        private let descriptor: CInt

        init(_ address: DebuggerAddress) throws {
            guard case .ipv4(_, let port) = address else { throw SandboxError.poisoned }
            descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
            var place = sockaddr_in()
            place.sin_family = sa_family_t(AF_INET)
            place.sin_port = port.bigEndian
            inet_pton(AF_INET, "127.0.0.1", &place.sin_addr)
            let isConnected = withUnsafePointer(to: &place) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            try #require(isConnected)
            var limit = timeval(tv_sec: 5, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        }

        deinit { close(descriptor) }

        func send(raw bytes: [UInt8]) {
            _ = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
        }

        /// Sends a packet and returns the reply to it, without acknowledgements and console text.
        @discardableResult
        func ask(_ text: String) -> String {
            let checksum = text.utf8.reduce(UInt8(0), &+)
            send(raw: Array("$\(text)#\(String(checksum >> 4, radix: 16))\(String(checksum & 15, radix: 16))".utf8))
            return reply()
        }

        func reply() -> String {
            var packet: [UInt8] = []
            var isInside = false
            var byte: UInt8 = 0
            while recv(descriptor, &byte, 1, 0) == 1 {
                if byte == UInt8(ascii: "$") {
                    (packet, isInside) = ([], true)
                } else if byte == UInt8(ascii: "#"), isInside {
                    var digits: [UInt8] = [0, 0]
                    recv(descriptor, &digits, 2, CInt(MSG_WAITALL))
                    isInside = false
                    if packet.first != UInt8(ascii: "O") || packet.elementsEqual("OK".utf8) {
                        return String(decoding: packet, as: UTF8.self)
                    }
                } else if isInside {
                    packet.append(byte)
                }
            }
            return "(gone)"
        }
    }

    private func expectKilled(_ outcome: Debuggee.Outcome) {
        guard case .failure(.interrupted) = outcome.result else { return #expect(Bool(false), "\(outcome.result)") }
        #expect(outcome.status == .poisoned && outcome.sumAfterwards == 10)
    }

    @Test func vanishingEndsTheCall() throws {
        expectKilled(try Debuggee.c.call("sum", [.int64(3)]) { _ = try Client($0) })
        expectKilled(try Debuggee.c.call("sum", [.int64(3)]) { try Client($0).send(raw: Array("$m10".utf8)) })
        expectKilled(
            try Debuggee.c.call("spin") { address in
                let client = try Client(address)
                client.send(raw: Array("$c#63".utf8))
                usleep(100_000)
            })
    }

    @Test func garbageIsAnsweredOrPassedOver() throws {
        let outcome = try Debuggee.c.call("sum", [.int64(3)]) { address in
            let client = try Client(address)
            client.send(raw: (0..<100_000).map { _ in UInt8.random(in: 128...255) })
            client.send(
                raw: Array("$".utf8) + [UInt8](repeating: UInt8(ascii: "m"), count: 1 << 20) + Array("#00".utf8))
            for packet in [
                "m", "m,", "mffffffffffffffff,ffffffffffffffff", "m0,0", "M10,2:00", "M10,1:zz", "X10,1:}", "Z0,10,1",
                "Z9,0,0",
                "Z2,0,8", "Z2,202000,ffffffff", "z1,7fffffffffff,1", "P", "Pffffffff=00", "P0=00", "p4b", "G00",
                "qXfer:features:read:target.xml",
                "qXfer:features:read:target.xml:fffffffffffffff0,ff", "qXfer:features:read:../../etc/passwd:0,10",
                "qRcmd,0", "qRcmd,666f6f",
                "vCont;", "vCont;x", "bs", "",
            ] {
                let reply = client.ask(packet)
                #expect(reply != "(gone)", "\(packet)")
            }
            #expect(client.ask("?") == "T05thread:1;")
            #expect(client.ask("m202000,8") == "0000000000000000")
            #expect(client.ask("c") == "W00")
        }
        #expect(try outcome.result.get() == .int64(6))
        #expect(outcome.status == .ready && outcome.sumAfterwards == 10)
    }

    @Test func packetsThatNobodyWillAnswer() throws {
        let flood = Array(repeating: "$g#67", count: 1_000).joined()
        expectKilled(
            try Debuggee.c.call("sum", [.int64(3)]) { try Client($0).send(raw: Array(("$k#6b" + flood).utf8)) })
        let outcome = try Debuggee.c.call("sum", [.int64(3)]) { address in
            let client = try Client(address)
            client.send(raw: Array(("$c#63" + flood).utf8))
            while client.reply() != "(gone)" {}
        }
        #expect(try outcome.result.get() == .int64(6))
    }

    @Test func limitsOfBreakpointsAndWatchpoints() throws {
        let outcome = try Debuggee.c.call("sum", [.int64(3)]) { address in
            let client = try Client(address)
            var set = 0
            for place in 0x200000..<0x201000 where set <= DebugSession.maximumBreakpointCount {
                guard client.ask("Z0,\(String(place, radix: 16)),1") == "OK" else { break }
                set += 1
            }
            #expect(set > 0 && set <= DebugSession.maximumBreakpointCount)
            for index in 0..<DebugSession.maximumWatchpointCount {
                #expect(client.ask("Z2,\(String(0x202000 + index, radix: 16)),1") == "OK")
            }
            #expect(client.ask("Z2,202040,1") == "E01")
            #expect(client.ask("D") == "OK")
        }
        #expect(try outcome.result.get() == .int64(6))
        #expect(outcome.status == .ready && outcome.sumAfterwards == 10)
    }

    /// Whatever a debugger does, in whatever order, it cannot do more than spoil its own call.
    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func randomPackets(seed: UInt64) throws {
        let outcome = try Debuggee.c.call("sum", [.int64(3)]) { address in
            let client = try Client(address)
            var state = seed &* 0x9e37_79b9_7f4a_7c15
            func random(_ count: UInt64) -> UInt64 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return (state >> 33) % count
            }
            func number() -> String {
                let bases: [UInt64] = [
                    0, 0x200000, 0x202000, 0x4000_0000, 0x4fff_f000, 0x7fff_ffff_f000, 0xffff_8000_0000_0000, .max - 8,
                ]
                return String(bases[Int(random(UInt64(bases.count)))] &+ random(4096), radix: 16)
            }
            for _ in 0..<400 {
                let packet =
                    switch random(8) {
                    case 0: "m\(number()),\(String(random(64), radix: 16))"
                    case 1: "M\(number()),2:\(String(4096 + random(60_000), radix: 16))"
                    case 2: "Z0,\(number()),1"
                    case 3: "z0,\(number()),1"
                    case 4: "P\(String(random(80), radix: 16))=\(String(repeating: "0", count: Int(random(17)) * 2))"
                    case 5: "Z2,\(number()),\(random(16))"
                    case 6: "s"
                    default: "g"
                    }
                if client.ask(packet) == "(gone)" { return }
                if random(50) == 0 { client.ask("bc") }
            }
            client.ask("k")
        }
        #expect(outcome.sumAfterwards == 10)
    }

    @Test func addressesAreChecked() throws {
        for text in [
            "", "1234", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "example:1", "[::1:1", "unix:",
            "unix:" + String(repeating: "a", count: 108),
        ] {
            #expect(throws: DebuggerError.self, "\(text)") { try DebuggerAddress(text) }
        }
        let everywhere = try DebuggerAddress("0.0.0.0:0")
        #expect(throws: DebuggerError.notLocal("0.0.0.0:0")) { try DebuggerListener(everywhere) }
        _ = try DebuggerListener(everywhere, allowsRemote: true)
        #expect(throws: DebuggerError.self) { try DebuggerListener(DebuggerAddress("unix:/nonexistent/socket")) }
    }
}
