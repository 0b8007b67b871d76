import MicroVM
import Palimpsest
import Testing

@testable import PalimpsestDebugger

/// The protocol's framing, byte by byte.
@Suite struct PacketReaderTests {
    private func events(_ text: String) -> [PacketReader.Event] {
        var reader = PacketReader()
        return reader.feed(text.utf8)
    }

    @Test func packetsComeInAnyPieces() {
        var reader = PacketReader()
        var events: [PacketReader.Event] = []
        for byte in "+$m10,4#2e\u{3}-$#00".utf8 { events += reader.feed([byte]) }
        #expect(
            events == [.acknowledged, .packet(Array("m10,4".utf8)), .interrupt, .retransmit, .packet([])])
    }

    @Test func wrongChecksumsAreDamage() {
        #expect(events("$g#00") == [.damaged])
        #expect(events("$g#zz") == [.damaged])
        #expect(events("$g#67") == [.packet(Array("g".utf8))])
    }

    @Test func aPacketMayBeginInsideAnother() {
        #expect(events("$m10,$g#67") == [.packet(Array("g".utf8))])
    }

    @Test func packetsHaveALimit() {
        let longest = [UInt8](repeating: UInt8(ascii: "a"), count: PacketReader.maximumByteCount)
        var reader = PacketReader()
        #expect(reader.feed(PacketReader.frame(longest)) == [.packet(longest)])
        #expect(reader.feed(PacketReader.frame(longest + [UInt8(ascii: "a")])) == [.damaged])
        #expect(reader.feed(PacketReader.frame([UInt8(ascii: "g")])) == [.packet([UInt8(ascii: "g")])])
    }

    @Test func garbageIsPassedOver() {
        #expect(events("hello\n\0\u{7f}") == [])
    }

    @Test func escapesGoBothWays() {
        let bytes = Array(UInt8.min...UInt8.max)
        #expect(PacketReader.unescaped(PacketReader.escaped(bytes)) == bytes)
        #expect(PacketReader.unescaped([UInt8(ascii: "}")]) == nil)
    }

    @Test func numbersHaveLimits() {
        #expect(Hex.number("ffffffffffffffff".utf8) == Untrusted(.max))
        #expect(Hex.number("0ffffffffffffffff".utf8) == nil)
        #expect(Hex.number("".utf8) == nil)
        #expect(Hex.number("-1".utf8) == nil)
        #expect(Hex.bytes("abc".utf8) == nil)
        #expect(GDBServer.pair("10,".utf8) == nil)
    }

    @Test func randomBytesNeverTrap() {
        var random = SystemRandomNumberGenerator()
        var reader = PacketReader()
        for _ in 0..<2_000 {
            let bytes = (0..<64).map { _ in
                Bool.random()
                    ? "$#}*+-mMXzZ0123456789abcdef,:;".utf8.randomElement()! : UInt8.random(in: 0...255, using: &random)
            }
            for case .packet(let packet) in reader.feed(bytes) { #expect(packet.count <= 64 * 2_000) }
        }
    }
}
