import Foundation
import Testing

@testable import Palimpsest

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
}
