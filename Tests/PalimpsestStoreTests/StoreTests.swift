import Foundation
import TestSupport
import Testing

@testable import MicroVM
@testable import Palimpsest
@testable import PalimpsestStore

@Suite("Snapshot store")
struct StoreTests {
    private static let configuration = SandboxConfiguration(heapByteCount: 1 << 20, scratchByteCount: 16 << 20)

    private func makeSnapshot(_ sandbox: Sandbox? = nil) throws -> Snapshot {
        let sandbox = try sandbox ?? makeBehaved(StoreTests.configuration)
        #expect(try sandbox.call("count") == Int64(1001))
        _ = try sandbox.call("sumOfTable", UInt64(512)) as UInt64
        _ = try sandbox.call("fill", UInt64(50_000), UInt8(0x5a)) as [UInt8]
        return try sandbox.snapshot()
    }

    private func makeSandbox(_ snapshot: Snapshot) throws -> Sandbox {
        try Sandbox(from: snapshot, hostFunctions: makeHostFunctions())
    }

    @Test("a snapshot comes back from the disk as it was: memory, exports, host functions, write set, processor")
    func roundTrip() throws {
        let store = TemporaryStore()
        let sandbox = try makeBehaved(StoreTests.configuration)
        let snapshot = try makeSnapshot(sandbox)
        let teacher = try makeSandbox(snapshot)
        #expect(try teacher.call("count") == Int64(1002))
        try teacher.restore(snapshot)
        try snapshot.save(to: store.path, tag: "warm")
        let loaded = try Snapshot(loading: store.path, reference: "warm", verify: .digests)
        #expect(loaded.exports == snapshot.exports)
        #expect(loaded.requiredHostFunctions == snapshot.requiredHostFunctions)
        #expect(loaded.byteCount == snapshot.byteCount && loaded.layerCount == snapshot.layerCount)
        #expect(loaded.memory.writeSet.sorted == snapshot.memory.writeSet.sorted && loaded.writeSetPageCount > 0)
        #expect(loaded.processor == snapshot.processor)
        let other = try makeSandbox(loaded)
        #expect(try guestMemory(other) == guestMemory(try makeSandbox(snapshot)))
        #expect(try other.call("count") == Int64(1002))
        #expect(try other.call("hostAddTwice", Int64(1), Int64(2)) == Int64(5))
        try other.restore(loaded)
        #expect(try other.call("count") == Int64(1002))
    }

    @Test("a layer that is large enough to go past the page cache is on the disk as it was")
    func large() throws {
        let store = TemporaryStore()
        let sandbox = try Scribe.make(Scribe.configuration(heapPageCount: 8192))
        let pages = try sandbox.fill(pages: 5_000, hole: 7)
        let snapshot = try sandbox.snapshot()
        #expect(snapshot.newestLayerByteCount > 16 << 20)
        try snapshot.save(to: store.path, tag: "large")
        let other = try Sandbox(from: Snapshot(loading: store.path, reference: "large", verify: .digests))
        let span = GuestSpan(address: pages, byteCount: UInt64(5_000 * pageByteCount))
        #expect(try other.machine.memory.bytes(span) == sandbox.machine.memory.bytes(span))
    }

    @Test("a child is saved by its own layer alone, and loads with its parent's")
    func child() throws {
        let store = TemporaryStore()
        let sandbox = try makeBehaved(StoreTests.configuration)
        let parent = try makeSnapshot(sandbox)
        let parentDigest = try parent.save(to: store.path, tag: "parent")
        let before = try store.blobNames
        #expect(try sandbox.call("count") == Int64(1002))
        let child = try sandbox.snapshot()
        let written = Counter()
        let digest = try child.save(to: store.path, tag: "child") { written.add($0.totalByteCount - written.total) }
        #expect(digest != parentDigest)
        // One layer, a config, a manifest.
        #expect(try store.blobNames.subtracting(before).count == 3)
        #expect(written.total == child.newestLayerByteCount)
        let loaded = try Snapshot(loading: store.path, reference: digest.description)
        #expect(try makeSandbox(loaded).call("count") == Int64(1003))
        let loadedParent = try Snapshot(loading: store.path, reference: "parent")
        #expect(loaded.memory.layers[0] === loadedParent.memory.layers[0], "mapped once, shared")
        #expect(try makeSandbox(loadedParent).call("count") == Int64(1002))
        // A grandchild, of the loaded one.
        let third = try makeSandbox(loaded)
        #expect(try third.call("count") == Int64(1003))
        let grandchild = try third.snapshot()
        let blobs = try store.blobNames
        try grandchild.save(to: store.path, tag: "grandchild")
        // A layer, a manifest, and a config unless it says the same as the child's.
        #expect(try (2...3).contains(store.blobNames.subtracting(blobs).count))
        #expect(try makeSandbox(Snapshot(loading: store.path, reference: "grandchild")).call("count") == Int64(1004))
    }

    @Test("saving again changes nothing; saving under a tag that is taken moves it")
    func again() throws {
        let store = TemporaryStore()
        let sandbox = try makeBehaved(StoreTests.configuration)
        let snapshot = try makeSnapshot(sandbox)
        let first = try snapshot.save(to: store.path, tag: "a")
        let contents = try store.contents()
        #expect(try snapshot.save(to: store.path, tag: "a") == first)
        #expect(try store.contents() == contents)
        _ = try sandbox.call("count") as Int64
        let second = try sandbox.snapshot().save(to: store.path, tag: "a")
        #expect(second != first)
        #expect(try makeSandbox(Snapshot(loading: store.path, reference: "a")).call("count") == Int64(1003))
        // Untagged, and still there.
        let untagged = try Snapshot(loading: store.path, reference: first.description)
        #expect(try makeSandbox(untagged).call("count") == Int64(1002))
    }

    @Test("a fault in a loaded snapshot's guest has the function's name")
    func symbols() throws {
        let store = TemporaryStore()
        try makeHostile().snapshot().save(to: store.path, tag: "hostile")
        let loaded = try Snapshot(loading: store.path, reference: "hostile")
        try FileManager.default.removeItem(atPath: store.path)
        let sandbox = try Sandbox(from: loaded, hostFunctions: makeHostFunctions())
        let original = try makeHostile()
        let expected = caughtFault { _ = try original.call("divide", Int32(1), Int32(0)) as Int32 }
        let found = caughtFault { _ = try sandbox.call("divide", Int32(1), Int32(0)) as Int32 }
        #expect(found?.symbol != nil && found?.symbol == expected?.symbol)
    }

    @Test("a blob cut short under a running sandbox ends calls, not the process; it can be restored to another")
    func shortened() throws {
        let store = TemporaryStore()
        let snapshot = try makeSnapshot()
        try snapshot.save(to: store.path, tag: "a")
        let manifest = try StoreDirectory.open(store.path).snapshotManifest(
            StoreDirectory.open(store.path).resolve(.tag("a")))
        let loaded = try Snapshot(loading: store.path, reference: "a")
        let sandbox = try makeSandbox(loaded)
        #expect(try sandbox.call("count") == Int64(1002))
        for layer in manifest.snapshotLayers { truncate(store.blob(layer.digest), 0) }
        let error = caughtError { _ = try sandbox.call("sumOfTable", UInt64(1)) as UInt64 }
        guard case .mappedFileUnreadable(let path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(path.hasPrefix(store.path))
        #expect(caughtError { try sandbox.restore(loaded) } != nil)
        #expect(sandbox.status != .ready)
        try sandbox.restore(snapshot)
        #expect(try sandbox.call("count") == Int64(1002))
        #expect(storeError { _ = try Snapshot(loading: store.path, reference: "a") } != nil)
    }
}

/// A number that a progress callback adds up.
final class Counter: @unchecked Sendable {
    private(set) var total = 0
    func add(_ number: Int) { total += number }
}
