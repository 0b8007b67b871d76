import CPalimpsest
import MicroVM
import TestSupport
import Testing

@testable import GuestABI
@testable import Palimpsest

@Suite("Hostile ELF files")
struct ELFTests {
    // Offsets in Elf64_Ehdr and Elf64_Phdr.
    private static let type = 16, machine = 18, entry = 24, headerOffset = 32, headerSize = 54, headerCount = 56
    private static let flags = 4, fileOffset = 8, address = 16, fileSize = 32, memorySize = 40

    /// A good guest with some integers overwritten.
    private func patched<Value: FixedWidthInteger>(_ offset: Int, _ value: Value) -> [UInt8] {
        var bytes = Guests.behaved
        withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
        return bytes
    }

    /// The file offset of field `field` of the `index`th loadable segment's header.
    private func segment(_ index: Int, _ field: Int) -> Int {
        let reader = ByteReader(bytes: Guests.behaved)
        let table = Int(reader.number(ELFTests.headerOffset, as: UInt64.self))
        let loads = (0..<Int(reader.number(ELFTests.headerCount, as: UInt16.self)))
            .map { table + $0 * 56 }.filter { reader.number($0, as: UInt32.self) == 1 }
        return loads[index] + field
    }

    private func refusal(_ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) -> GuestImageError? {
        let found = caughtError(of: { _ = try Sandbox(guest: .bytes(bytes)) }, sourceLocation: sourceLocation)
        if case .invalidGuest(let error) = found { return error }
        Issue.record("expected invalidGuest, got \(String(describing: found))", sourceLocation: sourceLocation)
        return nil
    }

    @Test("what is not an ELF, or not for this machine, is refused by name")
    func identity() {
        #expect(refusal([]) == .notELF)
        #expect(refusal(Array("#!/bin/sh\n".utf8)) == .notELF)
        #expect(refusal(patched(4, 1 as UInt8)) == .wrongClass(1))
        #expect(refusal(patched(5, 2 as UInt8)) == .wrongByteOrder(2))
        #expect(refusal(patched(ELFTests.machine, 183 as UInt16)) == .wrongMachine(183))
        #expect(refusal(patched(ELFTests.type, 3 as UInt16)) == .wrongType(3))
        #expect(refusal(patched(ELFTests.headerSize, 32 as UInt16)) == .badHeaderSize(found: 32, expected: 56))
        #expect(refusal(patched(ELFTests.headerCount, 65 as UInt16)) == .tooManySegments(count: 65, limit: 64))
        #expect(refusal(patched(ELFTests.headerCount, 0 as UInt16)) == .noSegments)
    }

    @Test("a file cut off anywhere is refused or, where only symbols are missing, runs")
    func truncation() throws {
        let whole = Guests.behaved
        for count in [1, 4, 16, 63, 64, 100, 200, 4095, 4096, 8192, 12288, 20000] {
            guard case .invalidGuest = caughtError(of: { _ = try Sandbox(guest: .bytes(Array(whole.prefix(count)))) })
            else {
                Issue.record("\(count) bytes were accepted")
                continue
            }
        }
        #expect(throws: Never.self) { _ = try makeSandbox(Array(whole.dropLast(1))) }
    }

    private func makeSandbox(_ bytes: [UInt8]) throws -> Sandbox { try Sandbox(guest: .bytes(bytes)) }

    @Test("segments that are huge, unaligned, overlapping, out of range or writable code are refused")
    func segments() {
        let huge = [UInt64.max, UInt64.max - 0x200000, 1 << 40, 1 << 30]
        for size in huge {
            guard case .segmentOutOfRange? = refusal(patched(segment(2, ELFTests.memorySize), size)) else {
                Issue.record("a segment of \(size) bytes was accepted")
                continue
            }
        }
        let reserved: [UInt64] = [
            0, 0x1000, UInt64(PAL_ENTRY_ADDRESS), UInt64(PAL_MAILBOX_ADDRESS), UInt64(PAL_HEAP_ADDRESS),
            0xffff_8000_0000_1000, UInt64.max & ~4095,
        ]
        for address in reserved {
            guard case .segmentOutOfRange? = refusal(patched(segment(1, ELFTests.address), address)) else {
                Issue.record("a segment at \(hex(address)) was accepted")
                continue
            }
        }
        let reader = ByteReader(bytes: Guests.behaved)
        let first: UInt64 = reader.number(segment(0, ELFTests.address))
        guard case .overlappingSegments? = refusal(patched(segment(1, ELFTests.address), first)) else {
            Issue.record("overlapping segments were accepted")
            return
        }
        guard case .unalignedSegment? = refusal(patched(segment(1, ELFTests.address), first + 0x100_0123)) else {
            Issue.record("an unaligned segment was accepted")
            return
        }
        guard case .segmentSizes? = refusal(patched(segment(1, ELFTests.memorySize), 1 as UInt64)) else {
            Issue.record("a segment larger in the file than in memory was accepted")
            return
        }
        guard case .truncated? = refusal(patched(segment(1, ELFTests.fileOffset), UInt64.max & ~4095)) else {
            Issue.record("a segment beyond the file was accepted")
            return
        }
        guard case .writableCode? = refusal(patched(segment(0, ELFTests.flags), 7 as UInt32)) else {
            Issue.record("writable code was accepted")
            return
        }
        guard case .unreadableSegment? = refusal(patched(segment(0, ELFTests.flags), 1 as UInt32)) else {
            Issue.record("an unreadable segment was accepted")
            return
        }
    }

    @Test("a segment without memory is passed over if it has nothing in the file either, and refused if it has")
    func emptySegments() throws {
        for index in 0..<3 {
            let fileByteCount: UInt64 = ByteReader(bytes: Guests.behaved).number(segment(index, ELFTests.fileSize))
            #expect(fileByteCount > 0)
            let bytes = patched(segment(index, ELFTests.memorySize), 0 as UInt64)
            guard case .segmentSizes(_, fileByteCount, 0)? = refusal(bytes) else {
                Issue.record("segment \(index), of \(fileByteCount) bytes in the file and none in memory, was accepted")
                continue
            }
        }
        // The last one, without anything, and nowhere.
        var bytes = Guests.behaved
        for field in [ELFTests.address, ELFTests.fileSize, ELFTests.memorySize] {
            let place = segment(2, field)
            bytes.replaceSubrange(place..<place + 8, with: [UInt8](repeating: 0, count: 8))
        }
        #expect(try ELFImage(bytes).segments.count == 2)
    }

    @Test("segments may share bytes of the file, but a file does not become many times its size in memory")
    func sharedFileBytes() throws {
        let reader = ByteReader(bytes: Guests.behaved)
        let table = Int(reader.number(ELFTests.headerOffset, as: UInt64.self))
        let count = Int(reader.number(ELFTests.headerCount, as: UInt16.self))
        let data = segment(2, 0)
        let byteCount = Int(reader.number(data + ELFTests.fileSize, as: UInt64.self))
        /// With more segments that are the data again, each a page further behind its start.
        func guest(_ copyCount: Int) -> (bytes: [UInt8], loadedByteCount: Int) {
            var bytes = Guests.behaved + [UInt8](repeating: 0, count: -Guests.behaved.count & 7)
            func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
                withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
            }
            put(UInt64(bytes.count), at: ELFTests.headerOffset)
            put(UInt16(count + copyCount), at: ELFTests.headerCount)
            bytes += bytes[table..<table + 56 * count]
            let offset: UInt64 = reader.number(data + ELFTests.fileOffset)
            for copy in 0..<copyCount {
                let header = bytes.count
                bytes += bytes[data..<data + 56]
                put(offset + UInt64(4096 * copy), at: header + ELFTests.fileOffset)
                put(UInt64(0x200_0000 * (copy + 1)) + offset & 4095, at: header + ELFTests.address)
                for field in [ELFTests.fileSize, ELFTests.memorySize] {
                    put(UInt64(byteCount - 4096 * copy), at: header + field)
                }
            }
            let loads = (0..<3).map { Int(reader.number(segment($0, ELFTests.fileSize), as: UInt64.self)) }
            return (bytes, loads.reduce(0, +) + (0..<copyCount).reduce(0) { $0 + byteCount - 4096 * $1 })
        }
        #expect(byteCount > 100 * 4096)
        let few = guest(2)
        let image = try ELFImage(few.bytes)
        #expect(image.segments.count == 5 && image.segments.last?.fileRange.count == byteCount - 4096)
        #expect(throws: Never.self) { _ = try makeSandbox(few.bytes) }
        let many = guest(20)
        let limit = ELFImage.maximumLoadCount
        #expect(many.loadedByteCount > limit * many.bytes.count)
        #expect(
            refusal(many.bytes)
                == .sharedFileBytes(
                    loadedByteCount: many.loadedByteCount, fileByteCount: many.bytes.count, limit: limit))
    }

    @Test("an entry point outside the code is refused")
    func entryPoint() {
        for entry in [0, 0x1000, UInt64(PAL_MAILBOX_ADDRESS), .max] as [UInt64] {
            #expect(refusal(patched(ELFTests.entry, entry)) == .entryOutsideCode(entry))
        }
    }

    @Test("another ABI version is refused with both numbers, no ABI note as no guest at all")
    func abiVersion() throws {
        let owner = Array(PAL_NOTE_OWNER.utf8) + [0]
        let bytes = Guests.behaved
        let place = try #require(
            (0..<bytes.count - 20).first { bytes[$0..<$0 + owner.count].elementsEqual(owner) && bytes[$0 - 4] == 1 })
        let other = caughtError(of: { _ = try makeSandbox(patched(place + 12, 77 as UInt32)) })
        guard case .abiVersionMismatch(guest: 77, host: UInt32(PAL_ABI_VERSION)) = other else {
            Issue.record("got \(String(describing: other))")
            return
        }
        #expect(other?.description.contains("77") == true && other?.description.contains("version 1") == true)
        #expect(refusal(patched(place, 0x58 as UInt8)) == .noABINote)
    }

    @Test("the ABI note is looked for in the first 64 KiB of a segment, however many notes there are")
    func manyNotes() throws {
        func note(_ type: UInt32, _ owner: String, _ descriptor: UInt32) -> [UInt8] {
            let name = Array(owner.utf8) + [0]
            let padded = name + [UInt8](repeating: 0, count: -name.count & 3)
            return [UInt32(name.count), 4, type].flatMap(bytes) + padded + bytes(descriptor)
        }
        func bytes(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
        /// The version that is found behind so many bytes of other notes.
        func version(behind byteCount: Int) throws -> UInt32? {
            let other = note(1, "GNU", 0)
            let notes =
                (0..<byteCount / other.count).flatMap { _ in other } + note(1, PAL_NOTE_OWNER, 77)
            var header = [UInt8](repeating: 0, count: 56)
            header[0] = UInt8(ELFProgramHeader.note)
            header[ELFTests.fileOffset] = UInt8(header.count)
            header.replaceSubrange(ELFTests.fileSize..<ELFTests.fileSize + 4, with: bytes(UInt32(notes.count)))
            let reader = ByteReader(bytes: header + notes)
            return try ELFNotes.abiVersion([ELFProgramHeader](repeating: .init(reader, at: 0), count: 3), reader)
        }
        #expect(try version(behind: 0) == 77)
        #expect(try version(behind: ELFNotes.maximumByteCount - 1024) == 77)
        #expect(try version(behind: ELFNotes.maximumByteCount + 1024) == nil)
    }

    @Test("a file that cannot be read is named")
    func unreadable() {
        for path in ["/nonexistent/guest.elf", "/"] {
            guard case .guestFileUnreadable(path, _) = caughtError(of: { _ = try Sandbox(guest: .file(path)) }) else {
                Issue.record("\(path) was read")
                continue
            }
        }
    }

    @Test("hundreds of random corruptions of the headers end in a typed error or a guest that is contained")
    func fuzz() throws {
        var random = SplitMix(state: 0x5eed)
        let configuration = SandboxConfiguration(initializationTimeLimit: .milliseconds(50))
        for _ in 0..<300 {
            var bytes = Guests.behaved
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<400, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            do {
                _ = try Sandbox(guest: .bytes(bytes), configuration: configuration)
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }

    @Test("thousands of changed headers and section tables end in an error, or an image whose symbols can be asked for")
    func fuzzSymbols() {
        var random = SplitMix(state: 99)
        let good = Guests.hostile
        let sections = Int(ByteReader(bytes: good).number(40, as: UInt64.self))
        let edges: [UInt64] = [
            0, 1, 0xfff, 0x1000, 0x3fff_ffff, 0x4000_0000, 0x7fff_ffff, 0xffff_ffff, 1 << 47, 1 << 63, .max,
            .max - 4095, UInt64(good.count),
        ]
        var imageCount = 0
        for _ in 0..<2_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let places = Bool.random(using: &random) ? 0..<512 : sections..<good.count - 8
                let offset = Int.random(in: places, using: &random)
                let value = Bool.random(using: &random) ? edges.randomElement(using: &random) ?? 0 : random.next()
                let count = [1, 2, 4, 8].randomElement(using: &random) ?? 1
                withUnsafeBytes(of: value.littleEndian) {
                    bytes.replaceSubrange(offset..<offset + count, with: $0.prefix(count))
                }
            }
            guard let image = try? ELFImage(bytes) else { continue }
            imageCount += 1
            let symbols = SymbolTable(image)
            let places = [GuestVirtualAddress(rawValue: 0), image.entry, image.entry + 100, .init(rawValue: .max)]
            _ = symbols.symbols(at: places)
            if imageCount % 20 == 0 {
                _ = try? MemoryImage(image, sizes: SandboxConfiguration().scratchSizes).tables()
            }
        }
        #expect(imageCount > 100)
    }
}
