import Foundation
import TestSupport
import Testing

@testable import Palimpsest
@testable import PalimpsestStore

@Suite("Snapshot store: listing, verifying, pruning, copying")
struct StoreManagementTests {
    /// A parent and two children of it, in one store.
    private struct Family {
        let store = TemporaryStore()
        let opened: SnapshotStore
        let parent: BlobDigest
        let left: BlobDigest
        let right: BlobDigest

        init() throws {
            let sandbox = try makeBehaved(.init(heapByteCount: 1 << 20, scratchByteCount: 16 << 20))
            opened = try SnapshotStore(at: store.path, create: true)
            let snapshot = try sandbox.snapshot()
            parent = try opened.save(snapshot, tag: "parent")
            _ = try sandbox.call("count") as Int64
            left = try opened.save(sandbox.snapshot(), tag: "left")
            try sandbox.restore(snapshot)
            _ = try sandbox.call("sumOfTable", UInt64(512)) as UInt64
            right = try opened.save(sandbox.snapshot(), tag: "right")
        }

        func count(_ reference: String) throws -> Int64 {
            try Sandbox(from: opened.load(reference), hostFunctions: makeHostFunctions()).call("count")
        }
    }

    @Test("the list has every tag, and the tree says what is shared")
    func list() throws {
        let family = try Family()
        let list = try family.opened.list()
        #expect(list.map(\.tag) == ["parent", "left", "right"])
        #expect(list.map(\.layers?.count) == [2, 3, 3])
        let trees = try family.opened.layerTrees()
        // The image, what its initialisers wrote, and what each of the two wrote.
        try #require(trees.count == 1 && trees[0].snapshots.isEmpty && trees[0].children.count == 1)
        let parent = trees[0].children[0]
        #expect(parent.snapshots == ["parent"] && parent.children.map(\.snapshots) == [["left"], ["right"]])
        #expect(trees[0].snapshotCount == 3)
        let description = try family.opened.inspect("left")
        #expect(description.digest == family.left && description.tags == ["left"])
        #expect(description.layers == list[1].layers)
        #expect(description.exports.contains { $0.name == "count" })
        #expect(description.requiredHostFunctions.contains { $0.name == "add" })
    }

    @Test("tags can be added, moved and removed; two tags may mean the same")
    func tags() throws {
        let family = try Family()
        try family.opened.tag("left", as: "other")
        #expect(try family.opened.inspect("other").tags == ["left", "other"])
        try family.opened.tag(family.right.description, as: "other")
        #expect(try family.opened.inspect("other").digest == family.right)
        #expect(try family.count("other") == 1001)
        try family.opened.remove("other")
        #expect(
            storeError { try family.opened.remove("other") }
                == .unknownReference(
                    reference: "other", path: family.store.path, available: ["left", "parent", "right"]))
        try family.opened.remove(family.left.description)
        #expect(try family.opened.list().map(\.tag) == ["parent", "right"])
        for text in ["", ".", "..", "-a", "../x", "a/b", "a b", "sha256:12", String(repeating: "a", count: 129)] {
            #expect(storeError { try family.opened.tag("parent", as: text) } == .invalidReference(reference: text))
            #expect(storeError { _ = try family.opened.load(text) } == .invalidReference(reference: text))
        }
    }

    @Test("pruning removes what nothing refers to, and nothing else; a loaded snapshot lives on")
    func prune() throws {
        let family = try Family()
        let all = try family.store.blobNames
        #expect(try family.opened.prune() == PruneReport())
        let loaded = try family.opened.load("left")
        try family.opened.remove("left")
        #expect(try family.store.blobNames == all)
        let left = try Data(contentsOf: URL(fileURLWithPath: family.store.path + "/index.json"))
        try Data("x".utf8).write(to: URL(fileURLWithPath: family.store.path + "/.partial-x"))
        let report = try family.opened.prune()
        // A layer, a config, a manifest.
        #expect(report.blobCount == 3 && report.partialFileCount == 1 && report.byteCount > 4096)
        #expect(try Data(contentsOf: URL(fileURLWithPath: family.store.path + "/index.json")) == left)
        #expect(try family.store.blobNames.count == all.count - 3)
        #expect(try family.opened.verifyAll().isEmpty)
        #expect(try Sandbox(from: loaded, hostFunctions: makeHostFunctions()).call("count") == Int64(1002))
        #expect(try family.count("parent") == 1001)
    }

    @Test("a blob that was changed is found by its digest, and named")
    func damage() throws {
        let family = try Family()
        let layer = try #require(try family.opened.inspect("left").layers.last)
        let path = family.store.blob(layer.digest)
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        try handle.seek(toOffset: 100)
        try handle.write(contentsOf: Data([0xff]))
        try handle.close()
        _ = try family.opened.load("left")
        for error in [
            storeError { _ = try family.opened.load("left", verify: .digests) },
            storeError { try family.opened.verify("left") }, try family.opened.verifyAll()[family.left],
        ] {
            guard case .wrongDigest(path, layer.digest, _) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
        try family.opened.verify("right")
        // Copying checks, too, and leaves nothing.
        let other = TemporaryStore()
        let target = try SnapshotStore(at: other.path, create: true)
        let empty = try other.contents()
        #expect(storeError { try family.opened.copy("left", to: target) } != nil)
        #expect(try other.contents() == empty)
    }

    @Test("a copy has the same digests, and only what was missing is written")
    func copy() throws {
        let family = try Family()
        let other = TemporaryStore()
        let target = try SnapshotStore(at: other.path, create: true)
        #expect(try family.opened.copy("parent", to: target) == family.parent)
        let before = try other.blobNames
        #expect(try family.opened.copy("left", to: target, tag: "renamed") == family.left)
        #expect(try other.blobNames.subtracting(before).count == 3)
        #expect(try target.list().map(\.tag) == ["parent", "renamed"])
        try FileManager.default.removeItem(atPath: family.store.path)
        let sandbox = try Sandbox(from: target.load("renamed"), hostFunctions: makeHostFunctions())
        #expect(try sandbox.call("count") == Int64(1002))
        // A loaded snapshot can be saved elsewhere: its bytes come from the file.
        let third = TemporaryStore()
        try target.load("renamed").save(to: third.path, tag: "again")
        #expect(try third.blobNames.isSuperset(of: target.inspect("renamed").layers.map(\.digest.hexadecimal)))
        #expect(try SnapshotStore(at: third.path).verifyAll().isEmpty)
    }

    @Test("writers on many threads and a pruner lose nothing")
    func concurrency() async throws {
        let store = TemporaryStore()
        let snapshots = try (0..<4).map { index in
            let sandbox = try makeBehaved(.init(heapByteCount: 1 << 20, scratchByteCount: 16 << 20))
            for _ in 0...index { _ = try sandbox.call("count") as Int64 }
            return try sandbox.snapshot()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, snapshot) in snapshots.enumerated() {
                group.addTask {
                    try await onThread {
                        for round in 0..<5 { try snapshot.save(to: store.path, tag: "t\(index)-\(round)") }
                    }
                }
            }
            group.addTask {
                try await onThread {
                    for _ in 0..<10 { _ = try? SnapshotStore(at: store.path).prune() }
                }
            }
            try await group.waitForAll()
        }
        let opened = try SnapshotStore(at: store.path)
        #expect(try opened.list().count == 20)
        #expect(try opened.verifyAll().isEmpty)
        let report = try opened.prune()
        #expect(report.partialFileCount == 0)
        for index in 0..<4 {
            let sandbox = try Sandbox(from: opened.load("t\(index)-4"), hostFunctions: makeHostFunctions())
            #expect(try sandbox.call("count") == Int64(1002 + index))
        }
    }
}
