import MicroVM
import Palimpsest
import TestSupport
import Testing

@testable import GuestABI

@Suite("DWARF line tables")
struct LineTableTests {
    /// A line table's parts, put together by hand.
    private struct Unit {
        var version: UInt16 = 4
        var opcodes: [UInt8] = []
        var lineRange: UInt8 = 14

        private func integer<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
            withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) }
        }

        /// One directory, "src", and one file in it, "a.c".
        private var tables: [UInt8] {
            let text = Array("src".utf8) + [0]
            let file = Array("a.c".utf8) + [0]
            guard version >= 5 else { return text + [0] + file + [1, 0, 0] + [0] }
            return [1, 1, 0x08, 2] + [UInt8(ascii: "/"), 0] + text + [2, 1, 0x08, 2, 0x0b, 2] + file + [1] + file + [1]
        }

        var bytes: [UInt8] {
            let rest: [UInt8] =
                [1] + (version >= 4 ? [1] : []) + [1, UInt8(bitPattern: -5), lineRange, 13]
                + [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1] + tables
            let body =
                integer(version) + (version >= 5 ? [8, 0] : []) + integer(UInt32(rest.count)) + rest + opcodes
            return integer(UInt32(body.count)) + body
        }

        static func setAddress(_ address: UInt64) -> [UInt8] {
            [0, 9, 2] + withUnsafeBytes(of: address.littleEndian) { [UInt8]($0) }
        }

        static let end: [UInt8] = [0, 1, 1]
    }

    /// A guest with `lines` in the place of its own `.debug_line`.
    private func table(_ lines: [UInt8]) throws -> LineTable {
        var bytes = Guests.faulty
        let sections = try #require(ELFSections(bytes))
        let section = try #require(sections[".debug_line"])
        let start = bytes.count
        // Its header: the one whose offset and size are the section's.
        let reader = ByteReader(bytes: bytes)
        let header = try #require(
            stride(from: Int(reader.number(40, as: UInt64.self)), to: bytes.count - 63, by: 64).first {
                reader.number($0 + 24, as: UInt64.self) == UInt64(section.lowerBound)
            })
        bytes += lines
        withUnsafeBytes(of: UInt64(start).littleEndian) { bytes.replaceSubrange(header + 24..<header + 32, with: $0) }
        withUnsafeBytes(of: UInt64(lines.count).littleEndian) {
            bytes.replaceSubrange(header + 32..<header + 40, with: $0)
        }
        return LineTable(try ELFImage(bytes))
    }

    private static let start: UInt64 = 0x20_0000

    @Test("versions 2 to 5 are read, others are not", arguments: [1, 2, 3, 4, 5, 6] as [UInt16])
    func versions(version: UInt16) throws {
        // Line 10 at the start; 4 bytes on line 12; end 8 bytes behind that.
        let opcodes: [UInt8] =
            Unit.setAddress(LineTableTests.start) + [3, 9, 1] + [13 + 4 * 14 + 7] + [2, 8] + Unit.end
        let table = try table(Unit(version: version, opcodes: opcodes).bytes)
        func line(_ offset: UInt64) -> String? {
            table.location(of: LineTableTests.start + offset).map { "\($0.file):\($0.line)" }
        }
        guard (2...5).contains(version) else {
            #expect(line(0) == nil)
            return
        }
        #expect(line(0) == "src/a.c:10" && line(3) == "src/a.c:10")
        #expect(line(4) == "src/a.c:12" && line(11) == "src/a.c:12")
        #expect(line(12) == nil && table.location(of: LineTableTests.start - 1) == nil)
        #expect(table.location(of: 0) == nil && table.location(of: .max) == nil)
    }

    @Test("line 0 does not take the place of a line at the same address")
    func lineZero() throws {
        let opcodes: [UInt8] =
            Unit.setAddress(LineTableTests.start) + [3, 9, 1] + [3, 0x76, 1] + [2, 4, 1] + [2, 4] + Unit.end
        let table = try table(Unit(opcodes: opcodes).bytes)
        #expect(table.location(of: LineTableTests.start)?.line == 10)
        let later: [UInt8] =
            Unit.setAddress(LineTableTests.start) + [3, 9, 1] + [2, 4] + [3, 0x76, 1] + [2, 4] + Unit.end
        #expect(try self.table(Unit(opcodes: later).bytes).location(of: LineTableTests.start + 4) == nil)
    }

    @Test("functions that the linker left out do not hide those it kept; a malformed unit does not hide the next")
    func leftOut() throws {
        let dropped: [UInt8] = Unit.setAddress(0) + [1, 2, 0x80, 0x80, 0x80, 0x02] + Unit.end
        let kept: [UInt8] = Unit.setAddress(LineTableTests.start) + [3, 9, 1] + [2, 8] + Unit.end
        #expect(try table(Unit(opcodes: dropped + kept).bytes).location(of: LineTableTests.start)?.line == 10)
        let good = Unit(opcodes: kept).bytes
        for bad in [
            Unit(version: 77, opcodes: kept), Unit(opcodes: kept, lineRange: 0), Unit(opcodes: [0, 0xff, 0x7f]),
        ] {
            #expect(try table(bad.bytes + good).location(of: LineTableTests.start)?.line == 10)
        }
    }

    @Test("programs that run wild end: addresses that wrap or go back, lengths beyond the end, rows without limit")
    func wild() throws {
        let programs: [[UInt8]] = [
            Unit.setAddress(.max) + [1, 2, 1, 1] + Unit.end,
            Unit.setAddress(LineTableTests.start) + [1] + Unit.setAddress(LineTableTests.start - 8) + [1] + Unit.end,
            [3] + [UInt8](repeating: 0xff, count: 9) + [0x7f, 1] + Unit.end,
            [3] + [UInt8](repeating: 0x80, count: 200),
            [0, 0], [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], [0, 9, 2, 1], [4, 0xff, 0x7f, 1],
            [UInt8](repeating: 1, count: 4096), [UInt8](repeating: 255, count: 4096) + Unit.end,
        ]
        for program in programs {
            for version in [4, 5] as [UInt16] {
                let table = try table(Unit(version: version, opcodes: program).bytes)
                #expect(table.location(of: LineTableTests.start + 16) == nil)
            }
        }
        // A table of more rows than there is room for: those there is room for count.
        let rows = LineTable.maximumRowCount + 100
        let endless: [UInt8] =
            Unit.setAddress(LineTableTests.start) + [UInt8](repeating: 13 + 14 + 6, count: rows) + Unit.end
        let table = try table(Unit(opcodes: endless).bytes)
        #expect(table.location(of: LineTableTests.start + 1)?.line == 2)
        #expect(table.location(of: LineTableTests.start + 1000)?.line == 1001)
    }

    @Test("entries without a byte, counts and lengths that lie are refused at once")
    func headers() throws {
        let good = Unit(version: 5, opcodes: Unit.end).bytes
        let formats = 4 + 2 + 2 + 4 + 6 + 12
        // No formats, and as many entries as a number can say.
        var none = good
        none.replaceSubrange(formats..<formats + 3, with: [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
        #expect(try table(none).location(of: LineTableTests.start) == nil)
        var length = good
        length.replaceSubrange(0..<4, with: [0xff, 0xff, 0xff, 0xff])
        #expect(try table(length).location(of: LineTableTests.start) == nil)
        #expect(try table([]).location(of: LineTableTests.start) == nil)
    }

    @Test("a guest whose line tables, sections and symbols are changed at random faults as ever")
    func mutations() throws {
        var random = SplitMix(state: 20_261_124)
        let original = Guests.faulty
        let sections = try #require(ELFSections(original))
        let places = [".debug_line", ".debug_line_str", ".symtab", ".strtab", ".shstrtab"].compactMap { sections[$0] }
        let header = Int(ByteReader(bytes: original).number(40, as: UInt64.self))
        let all = places + [header..<original.count, 40..<64]
        #expect(places.count == 5)
        for round in 0..<300 {
            var bytes = original
            let place = all[round % all.count]
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let index = Int.random(in: place, using: &random)
                bytes[index] = Bool.random(using: &random) ? UInt8.random(in: 0...255, using: &random) : 0xff
            }
            guard let image = try? ELFImage(bytes) else { continue }
            let symbols = LazySymbols(image)
            let callers = (0..<20).map { _ in Bool.random(using: &random) }
            let addresses = callers.map { _ in
                GuestVirtualAddress(rawValue: LineTableTests.start + .random(in: 0..<0x3000, using: &random))
            }
            let instructions = zip(addresses, callers).map { GuestFrame.instruction(at: $0, isCaller: $1) }
            let places = symbols.places(of: instructions)
            for (address, isCaller) in zip(addresses, callers) {
                let frame = GuestFrame(address, isCaller: isCaller, places)
                #expect(frame.description.utf8.count < 16_384 && frame.quoted.allSatisfy { !$0.isNewline })
            }
        }
    }

    @Test("many addresses at once have the lines that each has by itself")
    func batches() throws {
        let image = try ELFImage(Guests.faultySwift)
        let table = LineTable(image)
        let code = try #require(image.segments.first { $0.access.contains(.execute) })
        let wanted = Swift.stride(from: 0, to: code.memoryByteCount, by: 5).map { code.address + $0 }
        let all = table.lines(at: wanted)
        #expect(all.count > 100)
        for address in wanted.shuffled().prefix(40) {
            #expect(table.location(of: address.rawValue) == all[address])
        }
    }

    @Test("of sequences that overlap, the one that begins last is right, as far as it goes")
    func overlap() throws {
        func sequence(_ start: UInt64, _ line: UInt8, _ byteCount: UInt8) -> [UInt8] {
            Unit.setAddress(LineTableTests.start + start) + [3, line - 1, 1] + [2, byteCount] + Unit.end
        }
        let opcodes =
            sequence(0, 10, 100) + sequence(20, 20, 10) + sequence(60, 30, 20) + sequence(60, 31, 5)
            + sequence(200, 40, 8)
        let table = try table(Unit(opcodes: opcodes).bytes)
        let expected: [UInt64: Int] = [0: 10, 19: 10, 20: 20, 29: 20, 60: 31, 64: 31, 200: 40, 207: 40]
        let wanted = (0..<300 as Range<UInt64>).map { GuestVirtualAddress(rawValue: LineTableTests.start + $0) }
        let all = table.lines(at: wanted)
        for (offset, line) in expected { #expect(all[wanted[Int(offset)]]?.line == line, "\(offset)") }
        for offset in [30, 59, 65, 79, 99, 100, 208] { #expect(all[wanted[offset]] == nil, "\(offset)") }
    }

    @Test("line tables beyond the bytes that are read have no lines, and those in front of them have")
    func byteLimit() throws {
        let opcodes: [UInt8] = Unit.setAddress(LineTableTests.start) + [3, 9, 1] + [2, 8] + Unit.end
        let good = Unit(opcodes: opcodes).bytes
        /// A unit of a version that nobody knows, which is passed over as a whole.
        func unknown(_ byteCount: Int) -> [UInt8] {
            withUnsafeBytes(of: UInt32(byteCount - 4).littleEndian) { [UInt8]($0) }
                + [UInt8](repeating: 0xee, count: byteCount - 4)
        }
        let room = LineTable.maximumByteCount - good.count
        #expect(try table(unknown(room) + good).location(of: LineTableTests.start)?.line == 10)
        #expect(try table(unknown(room + 1) + good).location(of: LineTableTests.start) == nil)
        #expect(try table(good + unknown(room * 2)).location(of: LineTableTests.start)?.line == 10)
    }

    @Test("the line tables of all guests are read, C and Swift")
    func ownGuests() throws {
        for guest in [Guests.behaved, Guests.hostile, Guests.swift, Guests.fuzz, Guests.faultySwift] {
            let image = try ELFImage(guest)
            let table = LineTable(image)
            let symbols = SymbolTable(image)
            let code = try #require(image.segments.first { $0.access.contains(.execute) })
            let addresses = Swift.stride(from: 0, to: code.memoryByteCount, by: 16).map { code.address + $0 }
            let starts = symbols.symbols(at: addresses).filter { $0.value.offset == 0 }.keys
            let withLine = table.lines(at: starts)
            #expect(withLine.count > 10, "\(withLine.count) of \(starts.count) functions have a line")
        }
    }
}
