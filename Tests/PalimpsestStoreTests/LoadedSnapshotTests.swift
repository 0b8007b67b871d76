import Foundation
import MicroVM
import Palimpsest
import PalimpsestStore
import TestSupport
import Testing

/// Rollbacks and files of snapshots that came from a disk.
@Suite("Snapshot store: loaded snapshots")
struct LoadedSnapshotTests {
    @Test("rolling back to a loaded snapshot leaves exactly its state", arguments: RollbackStrategy.allCases)
    func exactness(strategy: RollbackStrategy) throws {
        let store = TemporaryStore()
        let original = try Fuzzer.makeSandbox(strategy)
        try original.call("run", UInt64(7), UInt32(40), UInt32(0), UInt64(0), UInt64(0))
        let witness = try Fuzzer.witness(original)
        try witness.snapshot.save(to: store.path, tag: "a")
        let loaded = try Snapshot(loading: store.path, reference: "a")
        let sandbox = try Fuzzer.makeSandbox(strategy)
        try sandbox.restore(loaded)
        #expect(try witness.oracle.differences(sandbox) == [])
        for seed in 0..<20 as Range<UInt64> {
            _ = try? sandbox.call("run", seed, UInt32(60), UInt32(0), UInt64(0), UInt64(0))
            try sandbox.restore(loaded)
            #expect(try witness.oracle.differences(sandbox) == [], "seed \(seed)")
        }
        #expect(try witness.oracle.guestDifferences(sandbox) == [])
        // Taken of a sandbox that runs from files, saved, and loaded again.
        _ = try? sandbox.call("run", UInt64(99), UInt32(60), UInt32(0), UInt64(0), UInt64(0))
        try sandbox.restore(loaded)
        let second = try Fuzzer.witness(sandbox)
        try second.snapshot.save(to: store.path, tag: "b")
        try sandbox.restore(Snapshot(loading: store.path, reference: "b", verify: .digests))
        #expect(try second.oracle.differences(sandbox) == [])
    }

    @Test("a mapped file comes along by path, if it is allowed and is what it was")
    func mappedFile() throws {
        let store = TemporaryStore()
        let file = try TemporaryFile(byteCount: 10_000)
        let address: UInt64 = 0x2_0000_0000
        let sandbox = try makeHostile()
        try sandbox.mapFile(file.path, at: address, digest: true)
        try sandbox.call("writeAt", address + 4096)
        let expected: [UInt64] = try [0, 4096, 8192].map { try sandbox.call("readAt", address + $0) }
        try sandbox.snapshot().save(to: store.path, tag: "mapped")
        #expect(try SnapshotStore(at: store.path).inspect("mapped").mappedFiles == [file.path])
        #expect(
            storeError { _ = try Snapshot(loading: store.path, reference: "mapped") }
                == .fileNotAllowed(file: file.path, path: store.path))
        func load() throws -> Snapshot {
            try Snapshot(loading: store.path, reference: "mapped", allowedFiles: [file.path])
        }
        let other = try Sandbox(from: load(), hostFunctions: makeHostFunctions())
        #expect(other.mappedFiles == sandbox.mappedFiles)
        #expect(try [0, 4096, 8192].map { try other.call("readAt", address + $0) } == expected)
        // Another inode with the same bytes is the same file, by its digest; other bytes are not.
        let bytes = try Data(contentsOf: URL(fileURLWithPath: file.path))
        unlink(file.path)
        try bytes.write(to: URL(fileURLWithPath: file.path))
        _ = try load()
        try Data(bytes.reversed()).write(to: URL(fileURLWithPath: file.path))
        guard case .mappedFileChanged(file.path, _) = storeError(of: { _ = try load() }) else {
            Issue.record("changed")
            return
        }
    }
}
