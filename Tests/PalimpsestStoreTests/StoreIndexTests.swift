import Foundation
import TestSupport
import Testing

@testable import GuestABI
@testable import Palimpsest
@testable import PalimpsestStore

/// Indexes and blobs that are well-formed one by one, and of which something else is odd: who refers to whom, how
/// often, and how large it all is.
@Suite("Snapshot store: odd references and sizes")
struct StoreIndexTests {
    private func entries(_ store: TemporaryStore) throws -> [OCIDescriptor] {
        try StoreDirectory.open(store.path).index().manifests
    }

    private func write(_ entries: [OCIDescriptor], to store: TemporaryStore) throws {
        let bytes = JSONFile.encode(OCIIndex(manifests: entries))
        try Data(bytes).write(to: URL(fileURLWithPath: store.path + "/index.json"))
    }

    private func put(_ bytes: [UInt8], in store: TemporaryStore) throws -> BlobDigest {
        let digest = BlobDigest(of: bytes)
        try Data(bytes).write(to: URL(fileURLWithPath: store.blob(digest)))
        return digest
    }

    @Test("a damaged blob is reported for every snapshot that needs it")
    func sharedDamage() throws {
        let store = TemporaryStore()
        let sandbox = try makeBehaved()
        let opened = try SnapshotStore(at: store.path, create: true)
        let parent = try opened.save(sandbox.snapshot(), tag: "parent")
        _ = try sandbox.call("count") as Int64
        let child = try opened.save(sandbox.snapshot(), tag: "child")
        let layer = try opened.inspect("parent").layers[0]
        let path = store.blob(layer.digest)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[100] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        let failures = try opened.verifyAll()
        #expect(Set(failures.keys) == [parent, child])
        #expect(failures[parent] == failures[child])
    }

    @Test("prune keeps what a manifest needs, though its bytes are a layer of another one as well")
    func manifestAsLayer() throws {
        let forge = try StoreForge()
        try forge.write()
        var all = try entries(forge.store)
        let manifest = try #require(all.first)
        let config = try put(Array("{}".utf8), in: forge.store)
        let other = JSONFile.encode(
            OCIManifest(
                config: OCIDescriptor(MediaType(rawValue: "text/plain"), config, size: 2),
                layers: [OCIDescriptor(.snapshotSymbols, manifest.digest, size: manifest.size)]))
        all.insert(OCIDescriptor(.ociManifest, try put(other, in: forge.store), size: other.count), at: 0)
        try write(all, to: forge.store)
        let opened = try SnapshotStore(at: forge.store.path)
        try opened.prune()
        #expect(try opened.verifyAll().isEmpty)
        try forge.load()
    }

    @Test("sparse files of 2^63 - 1 bytes are sizes like any other", .enabled(if: access("/dev/shm", W_OK) == 0))
    func enormousFiles() throws {
        let store = TemporaryStore(in: URL(fileURLWithPath: "/dev/shm"))
        let opened = try SnapshotStore(at: store.path, create: true)
        for letter in ["a", "b"] {
            let path = "\(store.path)/blobs/sha256/\(String(repeating: letter, count: 64))"
            try #require(FileManager.default.createFile(atPath: path, contents: nil))
            try #require(truncate(path, .max) == 0)
        }
        let report = try opened.prune()
        #expect(report.blobCount == 2 && report.byteCount == .max)
    }

    @Test("a large manifest is read once a look, however many tags it has")
    func manyTags() throws {
        let forge = try StoreForge()
        try forge.write()
        let entry = try #require(try entries(forge.store).first)
        var manifest = try StoreDirectory.open(forge.store.path).manifest(entry)
        manifest.annotations = [:]
        for index in 0..<200_000 { manifest.annotations?["\(index)"] = "." }
        let bytes = JSONFile.encode(manifest)
        let digest = try put(bytes, in: forge.store)
        let tags = (0..<500).map {
            OCIDescriptor(.ociManifest, digest, size: bytes.count, annotations: [OCIAnnotation.tag: "tag-\($0)"])
        }
        try write(tags, to: forge.store)
        let opened = try SnapshotStore(at: forge.store.path)
        let list = try reading(atMost: 2 * bytes.count) { try opened.list() }
        #expect(list.count == 500 && list.allSatisfy { $0.layers == list[0].layers && $0.layers != nil })
        let trees = try reading(atMost: 2 * bytes.count) { try opened.layerTrees() }
        // Where it is verified, it is read as a blob, too.
        let failures = try reading(atMost: 3 * bytes.count) { try opened.verifyAll() }
        #expect(trees.count == 1 && failures.isEmpty)
    }

    private func reading<Result>(atMost limit: Int, _ body: () throws -> Result) throws -> Result {
        let before = try readByteCount
        let result = try body()
        let count = try readByteCount - before
        #expect(count > 0 && count <= limit, "\(count) bytes were read")
        return result
    }

    /// What this thread has read so far (proc(5), io).
    private var readByteCount: Int {
        get throws {
            let text = try String(contentsOfFile: "/proc/thread-self/io", encoding: .utf8)
            let line = text.split(separator: "\n").first { $0.hasPrefix("rchar: ") }
            return try #require(line.flatMap { Int($0.dropFirst(7)) })
        }
    }

    @Test("symbols are read up to a number of lines, whatever is in them")
    func symbols() throws {
        let line = Array("200000 10 f\n".utf8)
        #expect(SymbolTable(lines: line).name(at: 0x200001) == "f+0x1")
        let feeds = [UInt8](repeating: UInt8(ascii: "\n"), count: 1 << 20)
        #expect(SymbolTable(lines: feeds.dropLast() + line).name(at: 0x200000) == "f")
        #expect(SymbolTable(lines: feeds + line).name(at: 0x200000) == nil)
    }

    @Test("a config of a later format is not shown or verified as if it were of this one")
    func laterFormat() throws {
        var forge = try StoreForge()
        var config = try #require(forge.config as? StoreForge.Object)
        config["formatVersion"] = 2
        forge.config = config
        try forge.write()
        let store = try SnapshotStore(at: forge.store.path)
        for error in [
            storeError { _ = try store.inspect("golden") }, storeError { try store.verify("golden") },
            storeError { _ = try store.load("golden") },
        ] {
            guard case .unsupportedFormat(_, "version 2", "version 1") = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    @Test("a damaged config or manifest is written again by the next save")
    func damagedMetadata() throws {
        let store = TemporaryStore()
        let snapshot = try makeBehaved().snapshot()
        let opened = try SnapshotStore(at: store.path, create: true)
        let digest = try opened.save(snapshot, tag: "one")
        let config = try StoreDirectory.open(store.path).manifest(#require(try entries(store).first)).config.digest
        for damaged in [digest, config] {
            let file = URL(fileURLWithPath: store.blob(damaged))
            var bytes = try Data(contentsOf: file)
            bytes[1] ^= 1
            try bytes.write(to: file)
        }
        #expect(try !opened.verifyAll().isEmpty)
        #expect(try opened.save(snapshot, tag: "two") == digest)
        #expect(try opened.verifyAll().isEmpty)
    }

    @Test("folders and odd names where blobs and partial files go keep nothing else from being pruned")
    func oddNames() throws {
        let store = TemporaryStore()
        let opened = try SnapshotStore(at: store.path, create: true)
        try #require(mkdir("\(store.path)/blobs/sha256/\(String(repeating: "0", count: 64))", 0o755) == 0)
        try #require(mkdir(store.path + "/.partial-folder", 0o755) == 0)
        let descriptor = (Array("\(store.path)/.partial-".utf8CString.dropLast()) + [-1, 0]).withUnsafeBufferPointer {
            creat($0.baseAddress!, 0o644)
        }
        try #require(close(descriptor) == 0)
        _ = try put([1, 2, 3], in: store)
        try Data([4]).write(to: URL(fileURLWithPath: store.path + "/.partial-1"))
        #expect(try opened.prune() == PruneReport(blobCount: 1, partialFileCount: 1, byteCount: 4))
    }

    @Test("making a store follows no link out of its folder")
    func createThroughLink() throws {
        let manager = FileManager.default
        let (store, elsewhere) = (TemporaryStore(), TemporaryStore())
        for folder in [store, elsewhere] {
            try manager.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        }
        try manager.createSymbolicLink(atPath: store.path + "/blobs", withDestinationPath: elsewhere.path)
        #expect(storeError { _ = try SnapshotStore(at: store.path, create: true) } != nil)
        #expect(try manager.contentsOfDirectory(atPath: elsewhere.path).isEmpty)
    }
}
