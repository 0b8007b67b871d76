import MicroVM
import Palimpsest
import TestSupport
import Testing

@testable import GuestABI

@Suite("Numbers that somebody else chose")
struct UntrustedTests {
    private static let edges: [UInt64] = [
        0, 1, 2, 63, 64, 4095, 4096, 1 << 31, 1 << 32, 1 << 47, UInt64(Int.max), 1 << 63, .max - 1, .max,
    ]
    private static let limits = [0, 1, 63, 64, 4096, 1 << 47, Int.max - 1, Int.max]

    @Test("a count is what it says, or none: never more than the limit", arguments: edges)
    func counts(number: UInt64) {
        for limit in UntrustedTests.limits {
            #expect(Untrusted(number).count(upTo: limit) == (number <= UInt64(limit) ? Int(number) : nil))
            #expect(Untrusted(number).index(below: limit) == (number < UInt64(limit) ? Int(number) : nil))
        }
        #expect(Untrusted(number).count(upTo: -1) == nil && Untrusted(number).index(below: -1) == nil)
    }

    @Test("a negative number is no count and no index")
    func negative() {
        for number in [-1, Int64.min] {
            #expect(Untrusted(number).count(upTo: .max) == nil && Untrusted(number).index(below: .max) == nil)
            #expect(Untrusted(number).range(count: Untrusted(1), upTo: .max) == nil)
        }
    }

    @Test("a range lies below its end, however far its start and its length lie apart")
    func ranges() {
        for start in UntrustedTests.edges {
            for count in UntrustedTests.edges {
                let found = Untrusted(start).range(count: Untrusted(count), upTo: 4096)
                let isInside = start <= 4096 && count <= 4096 && start + count <= 4096
                #expect(found == (isInside ? Int(start)..<Int(start + count) : nil), "\(start), \(count)")
            }
        }
        #expect(Untrusted(UInt64.max).range(count: Untrusted(.max), upTo: .max) == nil)
    }

    @Test("a sum is right or none, a quotient by zero or of the smallest number by -1 none")
    func calculations() {
        let top = Untrusted(UInt64.max)
        #expect(top.adding(Untrusted(1)) == nil && top.adding(Untrusted(0)) == top)
        #expect(Untrusted(UInt8(200)).adding(Untrusted(55)) == Untrusted(255))
        #expect(top.quotientAndRemainder(dividingBy: Untrusted(0)) == nil)
        #expect(Untrusted(Int8.min).quotientAndRemainder(dividingBy: Untrusted(-1)) == nil)
        let (quotient, remainder) = Untrusted(UInt8(23)).quotientAndRemainder(dividingBy: Untrusted(7)) ?? (top8, top8)
        #expect(quotient == 3 && remainder == 2)
    }

    private let top8 = Untrusted(UInt8.max)

    @Test("what has to wrap wraps; other widths have the same number, or its low bits")
    func wrapping() {
        let top = Untrusted(UInt64.max)
        #expect(top &+ Untrusted(2) == 1 && Untrusted(0) &- Untrusted(1) == top && top &* top == 1)
        #expect(Untrusted<UInt64>(truncating: Untrusted(Int8(-1))) == top)
        #expect(Untrusted<UInt8>(truncating: Untrusted(UInt64(0x1ff))) == 0xff)
        #expect(top & 4095 == 4095)
        #expect(top > 5 && !(top <= 5) && top != 5 && top >= .max && Untrusted(UInt64(4)) < 5)
    }

    @Test("addresses wrap like the processor's, and so does the distance between two")
    func addresses() {
        let (bottom, top) = (GuestVirtualAddress(rawValue: 0), GuestVirtualAddress(rawValue: .max))
        #expect(top + 1 == bottom && bottom + -1 == top && top + Untrusted(UInt64.max) == top + -1)
        #expect(top.distance(above: bottom) == .max && bottom.distance(above: top) == 1)
        #expect(bottom - top == 1 && top - bottom == -1)
    }

    @Test("integers beyond the end of bytes are zero; a cursor never leaves them")
    func readers() throws {
        let bytes: [UInt8] = [1, 2, 3, 4]
        let reader = ByteReader(bytes: bytes)
        #expect(reader.integer(at: 0, as: UInt32.self) == 0x0403_0201)
        for offset in [-1, 1, 4, .min, .max] { #expect(reader.integer(at: offset, as: UInt32.self) == 0) }
        var cursor = ByteCursor(bytes, 2..<1000)
        #expect(cursor.end == 4 && cursor.remainingByteCount == 2)
        #expect(throws: ByteCursor.Malformed.self) { try cursor.skip(Untrusted(.max)) }
        #expect(throws: ByteCursor.Malformed.self) { try cursor.skip(Untrusted(1), paddedTo: 4) }
        #expect(try cursor.skip(Untrusted(2)) == 2..<4 && cursor.position == 4)
        #expect(throws: ByteCursor.Malformed.self) { try cursor.byte() }
        var beyond = ByteCursor(bytes, 10..<20)
        #expect(throws: ByteCursor.Malformed.self) { try beyond.integer(UInt64.self) }
    }

    @Test(
        "spans at the ends of the address space are no guest's",
        arguments: [0, 1, 4095, 4096, (1 << 47) - 1, 1 << 47, 1 << 63, .max - 4095, .max - 1, .max] as [UInt64])
    func spans(address: UInt64) throws {
        let sandbox = try makeBehaved()
        for byteCount in UntrustedTests.edges where byteCount > 0 {
            let span = GuestSpan(address: address, byteCount: byteCount)
            #expect((try? sandbox.machine.memory.bytes(span)) == nil)
            #expect((try? sandbox.machine.memory.contiguous(span)) == nil)
        }
        #expect(GuestSpan(address: address, byteCount: .max).prefix(5) == GuestSpan(address: address, byteCount: 5))
        #expect(GuestSpan(address: address, byteCount: 3).prefix(5) == GuestSpan(address: address, byteCount: 3))
    }
}
