import Foundation
import TestSupport
import Testing

@testable import Palimpsest
@testable import PalimpsestStore

/// What a store costs that has more of something than anybody needs.
@Suite("Snapshot store: many values, many tags")
struct StoreSizeTests {
    private func refusal(_ body: () throws -> Void) throws -> String {
        guard case .invalid(_, _, let reason) = storeError(of: body) else { throw Unexpected(nil) }
        return reason
    }

    @Test(
        "a config of millions of values is refused before any of them is made",
        arguments: ["processor.features", "hostFunctions", "exports", "unknown", ""])
    func config(field: String) throws {
        let forge = try StoreForge()
        let values = String(repeating: "\"\",", count: 5 << 20) + "\"\""
        let names = String(repeating: "{\"name\":\"\",\"signature\":\"\"},", count: 500_000) + "{}"
        let text =
            switch field {
            case "": "[\(values)]"
            case "processor.features": "{\"processor\":{\"features\":[\(values)]},\"formatVersion\":1}"
            case "unknown": "{\"unknown\":{\"a\":[\(values)]},\"formatVersion\":1}"
            default: "{\"\(field)\":[\(names)],\"formatVersion\":1}"
            }
        try forge.write(configBytes: Array(text.utf8))
        let limit = "it has more than \(StoreLimits.configValueCount) values"
        #expect(try refusal { try forge.load() } == limit)
        #expect(try refusal { _ = try SnapshotStore(at: forge.store.path).inspect("golden") } == limit)
        #expect(try SnapshotStore(at: forge.store.path).verifyAll().count == 1)
    }

    @Test("manifests and indexes of a million values are refused as well")
    func manifestAndIndex() throws {
        let text = "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[\(String(repeating: "1,", count: 1 << 20))1]}"
        let forge = try StoreForge()
        try forge.write(manifestBytes: Array(text.utf8))
        #expect(try refusal { try forge.load() }.contains("more than"))
        try forge.write(indexBytes: Array(text.utf8))
        #expect(try refusal { try forge.load() }.contains("more than"))
    }

    @Test("values are counted outside strings, whatever is in those")
    func strings() throws {
        let text = #"["a,b:[{","\",,,,\\",{"c":1}]"#
        let decode = { (limit: Int) in
            _ = try JSONFile.decode([Value].self, from: Array(text.utf8), path: "", valueLimit: limit)
        }
        try decode(6)
        #expect(try refusal { try decode(5) } == "it has more than 5 values")
    }

    /// Any.
    private struct Value: Decodable { init(from decoder: any Decoder) {} }

    @Test("the tree of a store with tens of thousands of tags and layers has each once, in order")
    func tree() throws {
        func layer(_ number: Int) -> SnapshotDescription.Layer {
            .init(digest: BlobDigest(of: Array("\(number)".utf8)), byteCount: 4096)
        }
        var forest = LayerForest()
        let (base, top) = (layer(0), layer(1))
        for number in 0..<20_000 { forest.insert([base, top], name: "tag-\(number)") }
        forest.insert([base, top], name: "tag-7")
        forest.insert([base], name: "base")
        for number in 2..<20_002 { forest.insert([layer(number)], name: "alone-\(number)") }
        let nodes = forest.nodes
        #expect(nodes.count == 20_001 && nodes[0].layer == base && nodes[0].snapshots == ["base"])
        #expect(nodes[0].children.map(\.layer) == [top] && nodes[0].snapshotCount == 20_001)
        #expect(nodes[0].children[0].snapshots == (0..<20_000).map { "tag-\($0)" })
        #expect(nodes[1].snapshots == ["alone-2"] && nodes[20_000].snapshots == ["alone-20001"])
    }
}
