import Foundation
import MicroVM
import Palimpsest
import TestSupport
import Testing

@testable import GuestABI
@testable import PalimpsestStore

@Suite("Symbols")
struct SymbolTableTests {
    private func addresses(_ numbers: some Sequence<UInt64>) -> [GuestVirtualAddress] {
        numbers.map(GuestVirtualAddress.init)
    }

    @Test("the last thing at or below each address is found, in whatever order things come")
    func predecessors() {
        var random = SplitMix(state: 15)
        for _ in 0..<200 {
            let range: UInt64 = [8, 100, .max].randomElement(using: &random) ?? 8
            let wanted = addresses((0..<Int.random(in: 1...20, using: &random)).map { _ in .random(in: 0...range) })
            let things = (0..<Int.random(in: 0...60, using: &random)).map { thing in
                (place: GuestVirtualAddress(rawValue: .random(in: 0...range, using: &random)), thing: thing)
            }
            var search = PredecessorSearch<Int>(wanted)
            for (place, thing) in things { search.add(thing, at: place) }
            for (address, result) in zip(search.addresses, search.results) {
                var expected: (place: GuestVirtualAddress, thing: Int)?
                for one in things where one.place <= address && one.place >= expected?.place ?? one.place {
                    expected = one
                }
                #expect(result?.thing == expected?.thing && result?.place == expected?.place)
            }
        }
    }

    @Test("the innermost symbol that covers an address names it, else the label before it, in whatever order they come")
    func innermost() {
        var random = SplitMix(state: 16)
        typealias Entry = SymbolSearch<Int>.Entry
        for round in 0..<400 {
            let range: UInt64 = [8, 100, .max].randomElement(using: &random) ?? 8
            let wanted = addresses((0..<Int.random(in: 1...20, using: &random)).map { _ in .random(in: 0...range) })
            let entries = (0..<Int.random(in: 0...60, using: &random)).map { thing in
                let isLabel = Int.random(in: 0...2, using: &random) == 0
                return Entry(
                    start: GuestVirtualAddress(rawValue: .random(in: 0...range, using: &random)),
                    byteCount: Untrusted(isLabel ? 0 : .random(in: 1...(range / 4), using: &random)),
                    room: Untrusted(.random(in: 1...range, using: &random)), thing: thing)
            }
            var search = SymbolSearch<Int>(wanted)
            for piece in stride(from: 0, to: entries.count, by: 1 + round % 30) {
                var part = SymbolSearch<Int>(search.addresses)
                for entry in entries[piece..<min(piece + 1 + round % 30, entries.count)] { part.add(entry) }
                search.add(part) { $0 }
            }
            for (address, result) in zip(search.addresses, search.results) {
                #expect(result?.thing == named(address, by: entries)?.thing)
            }
        }
    }

    private func named(
        _ address: GuestVirtualAddress, by entries: [SymbolSearch<Int>.Entry]
    ) -> SymbolSearch<Int>.Entry? {
        let before = entries.filter { $0.start <= address }
        let covering = before.filter { address.distance(above: $0.start) < $0.byteCount }
        if let start = covering.map(\.start).max() {
            let inner = covering.filter { $0.start == start }
            let byteCount = inner.map(\.byteCount).min()
            return inner.last { $0.byteCount == byteCount }
        }
        guard let start = before.filter({ $0.byteCount == 0 }).map(\.start).max(),
            let label = before.last(where: { $0.start == start && $0.byteCount == 0 }),
            address.distance(above: start) < label.room
        else { return nil }
        let reachesLabel = before.contains { $0.byteCount > 0 && $0.start.last(of: $0.byteCount) >= start }
        return reachesLabel ? nil : label
    }

    @Test("many addresses at once have the names that each has by itself: of a guest's file, and of its blob")
    func batches() throws {
        let image = try ELFImage(Guests.faulty)
        let table = SymbolTable(image)
        let blob = SymbolTable(lines: table.blob(limit: .max))
        let code = try #require(image.segments.first { $0.access.contains(.execute) })
        let wanted = stride(from: 0, to: code.memoryByteCount, by: 7).map { code.address + $0 }
        let all = table.symbols(at: wanted)
        #expect(all.count > 100 && blob.symbols(at: wanted) == all)
        for address in wanted.prefix(60) { #expect(table.symbol(at: address.rawValue) == all[address]) }
    }

    @Test("symbols at the ends of the address space cover what they say, and no sum of theirs overflows")
    func ends() {
        let top = "ffffffffffffffff ffffffffffffffff top\n"
        let bottom = "0 ffffffffffffffff bottom\n"
        let table = SymbolTable(lines: Array((top + bottom).utf8))
        #expect(table.name(at: .max) == "top" && table.name(at: 0) == "bottom")
        #expect(table.name(at: .max - 1) == "bottom+0xfffffffffffffffe")
        #expect(SymbolTable(lines: Array(bottom.utf8)).name(at: .max) == nil)

        let symbols = LazySymbols(table)
        for (address, isCaller, symbol, offset) in [
            (0, false, "bottom", 0), (0, true, "top", 1), (1, true, "bottom", 1), (.max, false, "top", 0),
            (.max, true, "bottom", .max),
        ] as [(UInt64, Bool, String, UInt64)] {
            let address = GuestVirtualAddress(rawValue: address)
            let instruction = GuestFrame.instruction(at: address, isCaller: isCaller)
            let frame = GuestFrame(address, isCaller: isCaller, symbols.places(of: [instruction]))
            #expect(frame.address == address.rawValue && frame.symbol == symbol && frame.offset == offset)
        }
    }

    @Test("what is found is kept for the same addresses, and for no more than a few")
    func kept() {
        let pieces = Mutable(0)
        let line = SymbolRecords(bytes: Array("1000 ffffff f\n".utf8), format: .lines)
        let symbols = LazySymbols(
            SymbolTable { body in
                pieces.value += 1
                body(line)
                return true
            })
        let first = addresses(0x1000..<0x1040)
        #expect(symbols.places(of: first)[first[5]]?.symbol?.offset == 5 && pieces.value == 1)
        #expect(symbols.places(of: first.reversed()).count >= first.count && pieces.value == 1)
        for round in 1...20 as ClosedRange<UInt64> {
            let start = 0x1000 + round * 0x40
            #expect(symbols.places(of: addresses(start..<start + 0x40)).count <= 5 * 64)
        }
        #expect(pieces.value == 21)
    }

    private final class Mutable<Value>: @unchecked Sendable {
        var value: Value
        init(_ value: Value) { self.value = value }
    }

    @Test("symbols whose bytes are not what they should be name nothing")
    func wrongBytes() {
        let table = SymbolTable { body in
            body(SymbolRecords(bytes: Array("1000 10 f\n".utf8), format: .lines))
            return false
        }
        #expect(table.name(at: 0x1000) == nil && table.blob(limit: .max).isEmpty)
    }

    @Test("lines that are none are passed over")
    func malformedLines() {
        let lines = """
            1000 10 good
            1000
            1000 10
            1000 10 \("")
             1000 10 bad
            1000 -1 bad
            1000 0x10 bad
            12345678123456781 10 bad
            g000 10 bad
            2000 10 with space
            3000 10 last
            """
        let table = SymbolTable(lines: Array(lines.utf8))
        #expect(table.name(at: 0x100f) == "good+0xf" && table.name(at: 0x1010) == nil)
        #expect(table.name(at: 0x2000) == "with space" && table.name(at: 0x3001) == "last+0x1")
        #expect(SymbolTable(lines: []).name(at: 0) == nil)
    }

    // MARK: - The blob

    /// A guest whose symbols share one long name, which is there once.
    private func sharedName(symbolCount: Int) throws -> [UInt8] {
        var bytes = Guests.behaved
        let reader = ByteReader(bytes: bytes)
        let sections = Int(reader.number(40, as: UInt64.self))
        let header = try #require(
            (0..<Int(reader.number(60, as: UInt16.self))).map { sections + 64 * $0 }
                .first { reader.number($0 + 4, as: UInt32.self) == ELFSectionHeader.symbolTable })
        let names = sections + 64 * Int(reader.number(header + 40, as: UInt32.self))
        func append(_ new: [UInt8], as section: Int) {
            for (place, value) in [(24, bytes.count), (32, new.count)] {
                bytes.replaceSubrange(section + place..<section + place + 8, with: little(UInt64(value)))
            }
            bytes += new
        }
        append([UInt8](repeating: UInt8(ascii: "n"), count: 600) + [0], as: names)
        var symbols: [UInt8] = []
        for index in 0..<symbolCount {
            symbols += [0, 0, 0, 0, 2, 0, 1, 0] as [UInt8]
            symbols += little(UInt64(0x20_0000 + 16 * index))
            symbols += little(UInt64(16))
        }
        append(symbols, as: header)
        return bytes
    }

    private func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) }
    }

    @Test("symbols that share one long name make for no blob that is larger than their file; the last are left out")
    func blobLimit() throws {
        let guest = try sharedName(symbolCount: 4000)
        let table = SymbolTable(try ELFImage(guest))
        let name = String(repeating: "n", count: SymbolTable.maximumNameByteCount)
        #expect(table.name(at: 0x20_0000 + 16 * 3999 + 1) == name + "+0x1")
        let blob = table.blob(limit: .max)
        #expect(blob.count <= guest.count && blob.count > guest.count - 600)
        let short = SymbolTable(lines: table.blob(limit: 1000))
        #expect(short.name(at: 0x20_0000) == name && short.name(at: 0x20_0010) == nil)
        #expect(table.blob(limit: 0).isEmpty)

        let store = TemporaryStore()
        try Sandbox(guest: .bytes(guest)).snapshot().save(to: store.path, tag: "shared")
        let opened = try SnapshotStore(at: store.path)
        let entry = try opened.directory.resolve(try SnapshotReference("shared"))
        let symbols = try #require(try opened.directory.snapshotManifest(entry).symbols)
        #expect(symbols.size == blob.count)
        try opened.verify("shared")
    }

    @Test("a blob of many pieces is read as one, and saved again as it was")
    func pieces() throws {
        let store = TemporaryStore()
        let directory = try #require(try? SnapshotStore(at: store.path, create: true).directory)
        var text: [UInt8] = []
        for index in 0..<40_000 {
            text += "\(String(0x20_0000 + 16 * index, radix: 16)) 10 ".utf8
            text += [UInt8](repeating: UInt8(ascii: "a") + UInt8(index % 26), count: 20 + index % 300) + [10]
        }
        #expect(text.count > 5 << 20)
        let digest = BlobDigest(of: text)
        try Data(text).write(to: URL(fileURLWithPath: store.blob(digest)))
        let descriptor = OCIDescriptor(.snapshotSymbols, digest, size: text.count)
        let blob = SymbolsBlob(descriptor, try directory.open(descriptor))
        let table = SymbolTable { blob.forEachPiece($0) }
        let wanted = addresses((0..<500).map { 0x20_0000 + 16 * 80 * $0 + 3 })
        #expect(table.symbols(at: wanted) == SymbolTable(lines: text).symbols(at: wanted))
        #expect(table.symbols(at: wanted).count == 500 && table.blob(limit: .max) == text)

        // One byte of it is another.
        text[100] ^= 1
        try Data(text).write(to: URL(fileURLWithPath: store.blob(digest)))
        let changed = SymbolsBlob(descriptor, try directory.open(descriptor))
        #expect(SymbolTable { changed.forEachPiece($0) }.symbols(at: wanted).isEmpty)
        // It ends early.
        let short = OCIDescriptor(.snapshotSymbols, digest, size: text.count + 1)
        let ended = SymbolsBlob(short, try directory.open(descriptor))
        #expect(SymbolTable { ended.forEachPiece($0) }.symbols(at: wanted).isEmpty)
    }
}
