import CPalimpsest
import Foundation
import TestSupport
import Testing

@testable import MicroVM
@testable import Palimpsest

@Suite("Mapped files")
struct MappedFileTests {
    private static let address: UInt64 = 0x2_0000_0000

    private static func word(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func makeSandbox(_ strategy: RollbackStrategy = .automatic) throws -> Sandbox {
        var configuration = Fuzzer.configuration
        configuration.rollbackStrategy = strategy
        return try makeHostile(configuration)
    }

    private func isNotMapped(_ sandbox: Sandbox, _ address: UInt64) -> Bool {
        let fault = caughtFault { _ = try sandbox.call("readAt", address) as UInt64 }
        return fault?.vector == 14 && fault?.address == address && fault?.region == nil
    }

    @Test("a guest reads a file, all of it, and zeros behind its end")
    func readable() throws {
        let file = try TemporaryFile(byteCount: 3 * pageByteCount + 100)
        let sandbox = try MappedFileTests.makeSandbox()
        let mapped = try sandbox.mapFile(file.path, at: MappedFileTests.address)
        #expect(mapped.path == file.path && mapped.byteCount == 3 * pageByteCount + 100)
        #expect(mapped.address == MappedFileTests.address && mapped.digest == nil)
        #expect(sandbox.mappedFiles == [mapped])
        let all: [UInt8] = try sandbox.call("bytesAt", mapped.address, UInt64(mapped.byteCount))
        #expect(all == TemporaryFile.bytes(0..<mapped.byteCount))
        let end = mapped.address + UInt64(mapped.byteCount)
        let rest: [UInt8] = try sandbox.call("bytesAt", end, UInt64(pageByteCount - 100))
        #expect(rest.allSatisfy { $0 == 0 })
        // By the guest's own loads, at both ends of a page.
        for offset in [0, 4088, 4096, 12_280] {
            let seen: UInt64 = try sandbox.call("readAt", mapped.address + UInt64(offset))
            #expect(seen == MappedFileTests.word(TemporaryFile.bytes(offset..<offset + 8)))
        }
        let region = try #require(sandbox.regions.first { $0.addresses.lowerBound == mapped.address })
        #expect(region.addresses.count == 4 * pageByteCount && region.access == "READ | WRITE")
        #expect(isNotMapped(sandbox, mapped.address + UInt64(4 * pageByteCount)))
    }

    @Test(
        "writes go to copies that a rollback resets; the file never changes", arguments: RollbackStrategy.allCases)
    func copyOnWrite(strategy: RollbackStrategy) throws {
        let byteCount = 3 * pageByteCount + 7
        let file = try TemporaryFile(byteCount: byteCount)
        let sandbox = try MappedFileTests.makeSandbox(strategy)
        let mapped = try sandbox.mapFile(file.path, at: MappedFileTests.address)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let other = try Sandbox(from: snapshot, hostFunctions: makeHostFunctions())
        // The last one lies behind the file's end, in its last page.
        let offsets = [0, 4095, 4096, 2 * 4096 + 17, byteCount - 1, byteCount + 9].map(UInt64.init)
        for _ in 0..<3 {
            for offset in offsets { try sandbox.call("writeAt", mapped.address + offset) }
            for offset in offsets {
                let seen: [UInt8] = try sandbox.call("bytesAt", mapped.address + offset, 1 as UInt64)
                #expect(seen == [0xcc])
            }
            #expect(try file.contents() == TemporaryFile.bytes(0..<byteCount))
            #expect(try oracle.differences(other) == [], "another sandbox's")
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [])
            let seen: [UInt8] = try sandbox.call("bytesAt", mapped.address, UInt64(byteCount))
            #expect(seen == TemporaryFile.bytes(0..<byteCount))
        }
        #expect(sandbox.mappedFiles == [mapped])
    }

    @Test("a fault behind writes to a file, too, is rolled back", arguments: RollbackStrategy.allCases)
    func fault(strategy: RollbackStrategy) throws {
        let file = try TemporaryFile(byteCount: 64 * pageByteCount)
        let sandbox = try Scribe.make(Scribe.configuration(strategy))
        try sandbox.mapFile(file.path, at: MappedFileTests.address)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        for stride in [1, 3] as [UInt64] {
            _ = caughtFault {
                try sandbox.call("scribbleAndFault", MappedFileTests.address, 20 as UInt64, stride, 9 as UInt64)
            }
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [])
            #expect(try oracle.guestDifferences(sandbox) == [])
        }
    }

    @Test("a snapshot remembers a file and what the guest made of it; an earlier one unmaps it")
    func snapshots() throws {
        let file = try TemporaryFile(byteCount: 3 * pageByteCount)
        let sandbox = try MappedFileTests.makeSandbox()
        let before = try sandbox.snapshot()
        let mapped = try sandbox.mapFile(file.path, at: MappedFileTests.address, digest: true)
        #expect(mapped.digest?.count == 32)
        try sandbox.call("writeAt", mapped.address + 5)
        let with = try sandbox.snapshot()
        #expect(before.mappedFiles == [] && with.mappedFiles == [mapped])
        try with.verifyMappedFiles()
        var expected = TemporaryFile.bytes(0..<mapped.byteCount)
        expected[5] = 0xcc

        let other = try Sandbox(from: with, hostFunctions: makeHostFunctions())
        #expect(other.mappedFiles == [mapped])
        #expect(try other.call("bytesAt", mapped.address, UInt64(mapped.byteCount)) == expected)

        for strategy in RollbackStrategy.allCases {
            sandbox.rollbackStrategy = strategy
            try sandbox.restore(before)
            #expect(sandbox.mappedFiles == [])
            #expect(isNotMapped(sandbox, mapped.address))
            try sandbox.restore(with)
            #expect(sandbox.mappedFiles == [mapped])
            #expect(try sandbox.call("bytesAt", mapped.address, UInt64(mapped.byteCount)) == expected)
        }
        // A sandbox that never had it gets it, and loses it again.
        let stranger = try MappedFileTests.makeSandbox()
        let own = try stranger.snapshot()
        try stranger.restore(with)
        #expect(try stranger.call("bytesAt", mapped.address, UInt64(mapped.byteCount)) == expected)
        try stranger.restore(own)
        #expect(stranger.mappedFiles == [] && isNotMapped(stranger, mapped.address))
        #expect(try file.contents() == TemporaryFile.bytes(0..<mapped.byteCount))
    }

    @Test("mapping at an address that a restore has freed works, with another file")
    func again() throws {
        let files = try [1, 2, 3].map { try TemporaryFile(bytes: [UInt8](repeating: $0, count: 5_000)) }
        let sandbox = try MappedFileTests.makeSandbox()
        let before = try sandbox.snapshot()
        for file in files + files {
            try sandbox.mapFile(file.path, at: MappedFileTests.address)
            let seen: [UInt8] = try sandbox.call("bytesAt", MappedFileTests.address, 5_000 as UInt64)
            #expect(try seen == file.contents())
            try sandbox.restore(before)
        }
    }

    @Test("results, errors, and names and arguments of host calls may lie in a file, across its pages, too")
    func pointers() throws {
        // Names and text where a page ends: "add" and its signature at 4094, text everywhere else.
        var text = [UInt8](repeating: UInt8(ascii: "x"), count: 3 * pageByteCount)
        text.replaceSubrange(4094..<4097, with: Array("add".utf8))
        text.replaceSubrange(8191..<8194, with: Array("lll".utf8))
        let file = try TemporaryFile(bytes: text)
        let sandbox = try MappedFileTests.makeSandbox()
        let address = try sandbox.mapFile(file.path, at: MappedFileTests.address).address
        for isWritten in [false, true] {
            // Once from the file's pages, once from the guest's copy of one of them.
            if isWritten { try sandbox.call("writeAt", address + 5_000) }
            #expect(try sandbox.call("stringAt", address + 4094, 3 as UInt64) == "add")
            #expect(try sandbox.call("stringAt", address, 3 as UInt64) == "xxx")
            #expect(try sandbox.call("hostNameAt", address + 4094, 3 as UInt64) == UInt32(PAL_HOST_OK))
            #expect(try sandbox.call("hostSignatureAt", address + 8191, 3 as UInt64) == UInt32(PAL_HOST_OK))
            #expect(try sandbox.call("hostTextAt", address + 8000, 900 as UInt64) == UInt32(PAL_HOST_OK))
            guard
                case .guestError(let message, 1) = caughtError(of: {
                    try sandbox.call("failAt", address + 4090, 7 as UInt64)
                })
            else {
                Issue.record("no guest error")
                return
            }
            #expect(message == "xxxxadd")
        }
    }

    @Test("several files, several places, one file twice")
    func several() throws {
        let one = try TemporaryFile(bytes: [UInt8](repeating: 1, count: 5_000))
        let other = try TemporaryFile(bytes: [UInt8](repeating: 2, count: 10_000))
        let sandbox = try MappedFileTests.makeSandbox()
        let places: [(TemporaryFile, UInt64)] = [
            (one, 0x2_0000_0000), (other, 0x2_0000_2000), (one, 0x10_0000), (other, 0x7fff_ffff_d000),
        ]
        for (file, address) in places { try sandbox.mapFile(file.path, at: address) }
        #expect(sandbox.mappedFiles.map(\.address) == places.map(\.1).sorted())
        let snapshot = try sandbox.snapshot()
        for (_, address) in places.dropFirst() { try sandbox.call("writeAt", address + 4) }
        try sandbox.restore(snapshot)
        for sandbox in [sandbox, try Sandbox(from: snapshot, hostFunctions: makeHostFunctions())] {
            for (file, address) in places {
                let seen: [UInt8] = try sandbox.call("bytesAt", address, UInt64(file.contents().count))
                #expect(try seen == file.contents(), "\(hex(address))")
            }
        }
    }

    @Test("a relative path still leads to the file after the process has changed its directory")
    func relativePath() async {
        // In a process of its own: the directory is the process's.
        await #expect(processExitsWith: .success) {
            let file = try TemporaryFile(byteCount: 5_000)
            let url = URL(fileURLWithPath: file.path)
            try #require(chdir(url.deletingLastPathComponent().path) == 0)
            let sandbox = try MappedFileTests.makeSandbox()
            let mapped = try sandbox.mapFile(url.lastPathComponent, at: MappedFileTests.address)
            #expect(mapped.path.hasPrefix("/") && mapped.path.hasSuffix(url.lastPathComponent))
            let snapshot = try sandbox.snapshot()
            try #require(chdir("/") == 0)
            try snapshot.verifyMappedFiles()
            let other = try Sandbox(from: snapshot, hostFunctions: makeHostFunctions())
            #expect(other.mappedFiles == [mapped])
            #expect(try other.call("bytesAt", mapped.address, 5_000 as UInt64) == file.contents())
        }
    }

    // MARK: - What is refused

    @Test("places that are not free, not aligned or not the guest's are refused, and nothing is mapped")
    func places() throws {
        let file = try TemporaryFile(byteCount: 2 * pageByteCount)
        let sandbox = try MappedFileTests.makeSandbox()
        try sandbox.mapFile(file.path, at: MappedFileTests.address)
        let regions = sandbox.regions
        func start(_ label: String) throws -> UInt64 {
            try #require(regions.first { $0.label == label }).addresses.lowerBound
        }
        let refused: [UInt64] =
            try ["code", "data", "bss", "entry", "constants", "mailbox", "stack", "guard", "heap"].map(start) + [
                MappedFileTests.address, MappedFileTests.address + 4096, MappedFileTests.address - 4096,
                start("heap") - 4096, start("stack") - 4096, 0x30_0001, 0x30_0800,
                0, 4096, 0xf000, 0x7fff_ffff_f000, 0x7fff_ffff_ffff, 0x8000_0000_0000, 0xffff_8000_0000_0000,
                0xffff_8000_0000_4000, .max & ~4095, .max - 4096,
            ]
        for address in refused {
            let error = caughtError { try sandbox.mapFile(file.path, at: address) }
            guard case .invalidMapping(address, _, let reason) = error, !reason.isEmpty else {
                Issue.record("\(hex(address)): \(String(describing: error))")
                continue
            }
        }
        #expect(sandbox.regions == regions && sandbox.status == .ready && sandbox.mappedFiles.count == 1)
        #expect(try sandbox.call("add", 1, 2) == 3)
    }

    @Test("what is no regular file with bytes in it is refused, and nothing is mapped or left open")
    func files() throws {
        let sandbox = try MappedFileTests.makeSandbox()
        let fifo = TemporaryFile.freePath()
        #expect(mkfifo(fifo, 0o600) == 0)
        defer { unlink(fifo) }
        let empty = try TemporaryFile(bytes: [])
        let huge = try TemporaryFile(bytes: [1])
        try huge.resize(to: 17 << 30)
        let loop = TemporaryFile.freePath()
        #expect(symlink(loop, loop) == 0)
        defer { unlink(loop) }
        let paths = [
            TemporaryFile.freePath(), NSTemporaryDirectory(), fifo, empty.path, huge.path, loop, "", "/dev/zero",
            "/dev/null", "/proc/self/maps",
        ]
        for path in paths {
            let error = caughtError { try sandbox.mapFile(path, at: MappedFileTests.address) }
            guard case .mappedFileUnreadable(path, let reason) = error, !reason.isEmpty else {
                Issue.record("\(path): \(String(describing: error))")
                continue
            }
        }
        #expect(sandbox.mappedFiles == [] && sandbox.status == .ready)
    }

    @Test("a guest can have 64 files, and the 65th is refused")
    func limit() throws {
        let file = try TemporaryFile(byteCount: 100)
        let sandbox = try MappedFileTests.makeSandbox()
        let before = try sandbox.snapshot()
        func address(_ index: Int) -> UInt64 { MappedFileTests.address + UInt64(index * 2 * pageByteCount) }
        for index in 0..<Sandbox.maximumMappedFileCount { try sandbox.mapFile(file.path, at: address(index)) }
        let error = caughtError { try sandbox.mapFile(file.path, at: address(64)) }
        guard case .invalidMapping = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(sandbox.mappedFiles.count == 64 && Sandbox.maximumMappedFileCount == 64)
        let all = try Sandbox(from: sandbox.snapshot(), hostFunctions: makeHostFunctions())
        let first = MappedFileTests.word(TemporaryFile.bytes(0..<8))
        #expect(try all.call("readAt", address(63)) == first)
        try sandbox.restore(before)
        try sandbox.mapFile(file.path, at: address(64))
        #expect(try sandbox.call("readAt", address(64)) == first)
    }

    @Test("a file whose page tables scratch memory has no room for is refused, and the guest's memory is as it was")
    func noRoomForTables() throws {
        var configuration = Fuzzer.configuration
        configuration.scratchByteCount = SandboxConfiguration.scratchRange.lowerBound
        let sandbox = try makeHostile(configuration)
        let snapshot = try sandbox.snapshot()
        // A table spans 2 MiB, the pool has 256 pages.
        let large = try TemporaryFile(bytes: [1])
        try large.resize(to: 600 << 20)
        let used = sandbox.machine.memory.tables.pool.usedByteCount
        let error = caughtError { try sandbox.mapFile(large.path, at: MappedFileTests.address) }
        guard case .invalidConfiguration("scratchByteCount", _, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(sandbox.mappedFiles == [] && sandbox.status == .ready)
        #expect(sandbox.machine.memory.tables.pool.usedByteCount == used, "the guest has less to write to")
        let small = try TemporaryFile(byteCount: 100)
        #expect(throws: Never.self, "a smaller file") {
            try sandbox.mapFile(small.path, at: MappedFileTests.address)
            let seen: UInt64 = try sandbox.call("readAt", MappedFileTests.address)
            #expect(seen == MappedFileTests.word(TemporaryFile.bytes(0..<8)))
        }
        #expect(isNotMapped(sandbox, MappedFileTests.address + 0x10_0000), "a page of the file that was refused")
        try sandbox.restore(snapshot)
        #expect(isNotMapped(sandbox, MappedFileTests.address), "after a restore")
        try sandbox.restore(snapshot)
        let data: UInt64 = try sandbox.call("constantAddress")
        #expect(try sandbox.call("stringAt", data, 4 as UInt64) == "read")
    }
}
