import Foundation
import MicroVM
import Palimpsest
import PalimpsestStore
import TestSupport
import Testing

/// A snapshot of format version 1, as it was first written: as long as these pass, stores of today can be read.
///
/// Never to be made anew for version 1. (`PALIMPSEST_WRITE_GOLDEN=DIR swift test --filter Golden` writes one.)
@Suite("Golden snapshot")
struct GoldenTests {
    static let digest = "sha256:1ac58106a44ea6a1d9daf5e5d1d004cf676607bbd5d5ef0aae43f6962d96b81e"

    static func path() throws -> String {
        try #require(Bundle.module.url(forResource: "Golden/v1", withExtension: nil)).path
    }

    private func hostFunctions() throws -> HostFunctions {
        var host = HostFunctions()
        try host.register("twice") { (value: Int64) -> Int64 in 2 * value }
        return host
    }

    @Test("a snapshot of format version 1 loads, verifies and runs")
    func loads() throws {
        let store = try SnapshotStore(at: GoldenTests.path())
        let snapshot = try store.load("golden", verify: .digests)
        #expect(
            snapshot.exports.map(\.description) == [
                "count() -> Int64", "motto() -> String", "sumOfHeap() -> UInt64", "twiceOnHost(Int64) -> Int64",
                "crash() -> Void", "fillHeap(UInt64) -> Void",
            ])
        #expect(snapshot.requiredHostFunctions.map(\.name) == ["twice"])
        #expect(snapshot.processor == ProcessorFeatures(stateComponents: 3, names: ["cx16"]))
        #expect(snapshot.layerCount == 3 && snapshot.hotPageCount > 2 && snapshot.writeSetPageCount > 0)
        let sizes = ScratchLayout.Sizes(mailbox: 8192, stack: 16384, zeroData: 49152, heap: 65536, pool: 1 << 20)
        #expect(snapshot.memory.layout.sizes == sizes)
        let sandbox = try Sandbox(from: snapshot, hostFunctions: hostFunctions())
        for _ in 0..<2 {
            #expect(try sandbox.call("count") == Int64(42))
            #expect(try sandbox.call("motto") == "scraped clean and written on again")
            #expect(try sandbox.call("sumOfHeap") == UInt64(64 * 65 / 2))
            #expect(try sandbox.call("twiceOnHost", Int64(21)) == Int64(42))
            #expect(caughtFault { try sandbox.call("crash") }?.symbol?.hasPrefix("crash") == true)
            try sandbox.restore(snapshot)
        }
    }

    @Test("its manifest has the digest it has always had, and saving it again gives the same layers")
    func digests() throws {
        let store = try SnapshotStore(at: GoldenTests.path())
        let description = try store.inspect("golden")
        #expect(description.digest.description == GoldenTests.digest)
        let other = TemporaryStore()
        try store.load("golden").save(to: other.path, tag: "again")
        #expect(try SnapshotStore(at: other.path).inspect("again").layers == description.layers)
    }

    @Test("written today it has the same fields", .enabled(if: golden() != nil))
    func write() throws {
        guard let path = GoldenTests.golden() else { return }
        let sizes = SandboxConfiguration(
            heapByteCount: 65536, stackByteCount: 16384, mailboxByteCount: 8192, scratchByteCount: 1 << 20)
        let sandbox = try Sandbox(
            guest: .bytes(Guests.golden), configuration: sizes, hostFunctions: hostFunctions())
        _ = try sandbox.snapshot()
        try sandbox.call("fillHeap", UInt64(8))
        #expect(try sandbox.call("count") == Int64(41))
        let snapshot = try sandbox.snapshot()
        try snapshot.recordHotPages(hostFunctions: hostFunctions()) { (sandbox) throws(SandboxError) in
            _ = try sandbox.call("sumOfHeap") as UInt64
            _ = try sandbox.call("count") as Int64
        }
        // What every x86-64 has: the golden snapshot is to load anywhere.
        let portable = Snapshot(
            memory: snapshot.memory, program: snapshot.program, requiredHostFunctions: snapshot.requiredHostFunctions,
            processor: ProcessorFeatures(stateComponents: 3, names: ["cx16"]))
        print("golden", try portable.save(to: path, tag: "golden"))
    }

    static func golden() -> String? { ProcessInfo.processInfo.environment["PALIMPSEST_WRITE_GOLDEN"] }
}
