import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import MicroVM
@testable import Palimpsest
@testable import PalimpsestStore

/// Files that are no longer what a snapshot remembers.
@Suite("Changed files")
struct ChangedFileTests {
    private static let address: UInt64 = 0x2_0000_0000

    enum Change: String, CaseIterable, Sendable {
        case longer, shorter, emptied, modified, replaced, removed, directory

        func make(_ file: TemporaryFile) throws {
            let manager = FileManager.default
            let contents = try file.contents()
            switch self {
            case .longer: try file.resize(to: 3 * pageByteCount)
            case .shorter: try file.resize(to: pageByteCount)
            case .emptied: try file.resize(to: 0)
            case .modified: try ChangedFileTests.overwrite(file, keepingTime: false)
            case .replaced:
                // The same bytes, the same time, in another file: the old one lives on in the sandbox.
                let times = try ChangedFileTests.times(file)
                try manager.removeItem(atPath: file.path)
                try Data(contents).write(to: URL(fileURLWithPath: file.path))
                try ChangedFileTests.set(times, file)
            case .removed: try manager.removeItem(atPath: file.path)
            case .directory:
                try manager.removeItem(atPath: file.path)
                try manager.createDirectory(atPath: file.path, withIntermediateDirectories: false)
            }
        }

        func cleanUp(_ file: TemporaryFile) { if self == .directory { rmdir(file.path) } }
    }

    private static func times(_ file: TemporaryFile) throws -> [timespec] {
        var status = stat()
        try #require(stat(file.path, &status) == 0)
        return [status.st_atim, status.st_mtim]
    }

    private static func set(_ times: [timespec], _ file: TemporaryFile) throws {
        try #require(utimensat(AT_FDCWD, file.path, times, 0) == 0)
    }

    /// One byte of it, in place.
    private static func overwrite(_ file: TemporaryFile, keepingTime: Bool) throws {
        let times = try times(file)
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: file.path))
        try handle.seek(toOffset: 77)
        try handle.write(contentsOf: Data([0]))
        try handle.close()
        // A clock tick may not have passed since the file was made: set a time that is another for certain.
        let later = timespec(tv_sec: times[1].tv_sec + 5, tv_nsec: times[1].tv_nsec)
        try set([times[0], keepingTime ? times[1] : later], file)
    }

    private static func isRefused(_ error: SandboxError?, _ path: String) -> Bool {
        if case .mappedFileChanged(path, let reason) = error { !reason.isEmpty } else { false }
    }

    @Test(
        "a file of another size, time or identity is refused by new sandboxes, by others' restores, and by verification",
        arguments: Change.allCases)
    func refused(change: Change) throws {
        let file = try TemporaryFile(byteCount: 2 * pageByteCount)
        defer { change.cleanUp(file) }
        let sandbox = try makeHostile(Fuzzer.configuration)
        let before = try sandbox.snapshot()
        try sandbox.mapFile(file.path, at: ChangedFileTests.address)
        let snapshot = try sandbox.snapshot()
        let other = try makeHostile(Fuzzer.configuration)
        try snapshot.verifyMappedFiles()
        try change.make(file)

        #expect(
            ChangedFileTests.isRefused(
                caughtError { _ = try Sandbox(from: snapshot, hostFunctions: makeHostFunctions()) }, file.path))
        #expect(ChangedFileTests.isRefused(caughtError { try snapshot.verifyMappedFiles() }, file.path))
        // Nothing has changed for one that was ready, and nothing for one that was poisoned.
        #expect(ChangedFileTests.isRefused(caughtError { try other.restore(snapshot) }, file.path))
        #expect(other.status == .ready && other.mappedFiles == [])
        #expect(try other.call("add", 1, 2) == 3)
        let own = try other.snapshot()
        _ = caughtFault { try other.call("invalidOpcode") }
        #expect(ChangedFileTests.isRefused(caughtError { try other.restore(snapshot) }, file.path))
        #expect(other.status == .poisoned)
        try other.restore(own)
        #expect(try other.call("add", 1, 2) == 3)
        // The sandbox that has it mapped gets rid of it.
        try sandbox.restore(before)
        #expect(sandbox.mappedFiles == [] && sandbox.status == .ready)
        #expect(ChangedFileTests.isRefused(caughtError { try sandbox.restore(snapshot) }, file.path))
        #expect(sandbox.mappedFiles == [] && sandbox.status == .ready)
    }

    @Test("other bytes behind the same size and time are found by the digest, where one was asked for")
    func digest() throws {
        let file = try TemporaryFile(byteCount: 2 * pageByteCount)
        let sandbox = try makeHostile(Fuzzer.configuration)
        try sandbox.mapFile(file.path, at: ChangedFileTests.address, digest: false)
        let plain = try sandbox.snapshot()
        try sandbox.mapFile(file.path, at: ChangedFileTests.address + 0x10_0000, digest: true)
        let digested = try sandbox.snapshot()
        try digested.verifyMappedFiles()
        try ChangedFileTests.overwrite(file, keepingTime: true)
        try plain.verifyMappedFiles()
        #expect(ChangedFileTests.isRefused(caughtError { try digested.verifyMappedFiles() }, file.path))
        // New sandboxes check all but the digest.
        _ = try Sandbox(from: digested, hostFunctions: makeHostFunctions())
    }

    @Test("a digest is the file's SHA-256, and the same for the same bytes")
    func sha256() throws {
        let sandbox = try makeHostile(Fuzzer.configuration)
        let file = try TemporaryFile(bytes: Array("abc".utf8))
        let mapped = try sandbox.mapFile(file.path, at: ChangedFileTests.address, digest: true)
        // FIPS 180-4, the first example.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(mapped.digest?.map { String(format: "%02x", $0) }.joined() == expected)
    }

    @Test("a digest is of the bytes that are mapped, whatever has been appended meanwhile")
    func appendedTo() throws {
        let short = try TemporaryFile(bytes: Array("abc".utf8))
        let hash: MappedFileIdentity.Hashing = { descriptor, byteCount throws(MappedFileIdentity.Failure) in
            try MappedFileIdentity.sha256(descriptor, byteCount)
        }
        let (identity, segment) = try MappedFileIdentity.open(short.path, hashing: hash)
        #expect(segment.byteCount == pageByteCount)
        let long = try TemporaryFile(bytes: Array("abcdef".utf8))
        let descriptor = try FileDescriptor.open(long.path, .readOnly)
        defer { try? descriptor.close() }
        #expect(try MappedFileIdentity.sha256(descriptor, 3) == identity.digest)
    }

    @Test("modification times behind the year 2262, whose nanoseconds no 64 bits hold, are compared as others are")
    func farTimes() throws {
        let file = try TemporaryFile(byteCount: pageByteCount)
        let sandbox = try makeHostile(Fuzzer.configuration)
        try sandbox.mapFile(file.path, at: ChangedFileTests.address)
        let near = try sandbox.snapshot()
        // The year 2286. A file system that has no such dates takes its last one.
        let far = timespec(tv_sec: 10_000_000_000, tv_nsec: 5)
        try ChangedFileTests.set([far, far], file)
        #expect(
            ChangedFileTests.isRefused(
                caughtError { _ = try Sandbox(from: near, hostFunctions: makeHostFunctions()) }, file.path))
        try sandbox.mapFile(file.path, at: ChangedFileTests.address + 0x10_0000)
        let identity = sandbox.machine.memory.image.files.last?.file
        #expect(identity?.change() == nil)
        try ChangedFileTests.set([far, timespec(tv_sec: 9_000_000_000, tv_nsec: 5)], file)
        #expect(identity?.change() != nil)
    }
}
