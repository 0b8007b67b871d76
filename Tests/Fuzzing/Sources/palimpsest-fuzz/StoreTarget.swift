import Foundation

@testable import Palimpsest
@testable import PalimpsestStore

/// A store that is somebody else's: the golden one with one of its parts replaced by the input, digests and sizes put
/// right again. It is listed, verified, loaded; and if it loads, its guest runs.
///
/// The input's first byte says which part the others are.
final class StoreTarget: FuzzTarget {
    private typealias Object = [String: Any]

    private enum Part: UInt8, CaseIterable {
        case config, manifest, index, pages, writeSet, hotPages, symbols, layer
    }

    private static let golden = Guests.tests.appendingPathComponent("PalimpsestStoreTests/Golden/v1").path
    private static let packedNames: [Part: String] = [.pages: "pages", .writeSet: "writeSet", .hotPages: "hotPages"]

    private let folder: TemporaryFolder
    private let hostFunctions: HostFunctions
    private let config: Object
    private let manifest: Object
    private let index: Object
    private var runCount = 0

    static func seeds() throws -> [Seed] {
        let index = try file("index.json")
        let manifest = try blob(try entry(try object(index)))
        let config = try blob(try object(manifest)["config"])
        let layers = try object(manifest)["layers"] as? [Object] ?? []
        var seeds: [(Part, [UInt8])] = [(.config, config), (.manifest, manifest), (.index, index)]
        for (part, name) in packedNames {
            let text = try object(config)[name] as? String ?? ""
            seeds.append((part, [UInt8](Data(base64Encoded: text) ?? Data())))
        }
        seeds.append((.layer, try blob(layers[0])))
        seeds.append((.symbols, try blob(layers[layers.count - 1])))
        return seeds.map { Seed(name: "\($0)", bytes: [$0.rawValue] + $1) }
    }

    init() throws {
        folder = try TemporaryFolder()
        index = try StoreTarget.object(try StoreTarget.file("index.json"))
        manifest = try StoreTarget.object(try StoreTarget.blob(try StoreTarget.entry(index)))
        config = try StoreTarget.object(try StoreTarget.blob(manifest["config"]))
        var host = HostFunctions()
        try host.register("twice") { (value: Int64) -> Int64 in 2 &* value }
        hostFunctions = host
        try FileManager.default.copyItem(atPath: StoreTarget.golden, toPath: store)
    }

    private var store: String { folder.path + "/store" }

    /// A number or a word of JSON, or a byte of something packed.
    func mutate(_ input: inout [UInt8], _ random: inout SplitMix) -> Bool {
        guard input.count > 1, [Part.config, .manifest, .index].map(\.rawValue).contains(input[0] % 8) else {
            return false
        }
        return JSONMutator.mutate(&input, &random)
    }

    // MARK: - The golden store

    private static func file(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(golden)/\(name)")))
    }

    private static func blob(_ descriptor: Any?) throws -> [UInt8] {
        let digest = (descriptor as? Object)?["digest"] as? String ?? ""
        let bytes = try file("blobs/sha256/\(digest.dropFirst(7))")
        Check.holds(BlobDigest(of: bytes).description == digest, "the SHA-256 that stands in is wrong")
        return bytes
    }

    private static func object(_ bytes: [UInt8]) throws -> Object {
        try JSONSerialization.jsonObject(with: Data(bytes)) as? Object ?? [:]
    }

    private static func entry(_ index: Object) throws -> Any? { (index["manifests"] as? [Object])?.first }

    private static func bytes(_ object: Object) throws -> [UInt8] {
        [UInt8](try JSONSerialization.data(withJSONObject: object, options: .sortedKeys))
    }

    // MARK: - One store

    func run(_ input: [UInt8]) {
        guard let first = input.first, let part = Part(rawValue: first % 8) else { return }
        do {
            var written: [String] = []
            defer { for path in written { unlink(path) } }
            try forge(part, [UInt8](input.dropFirst()), &written)
            check()
        } catch {
            // Not the engine's: what was to be forged could not be.
        }
        runCount += 1
        guard runCount % 64 == 0 else { return }
        let count = Check.count(of: "fd")
        Check.holds(count < 256, "\(count) descriptors are open")
    }

    /// Writes the parts that follow from the input, each with the digest of the one below.
    private func forge(_ part: Part, _ bytes: [UInt8], _ written: inout [String]) throws {
        var (config, manifest, index) = (config, manifest, index)
        var layers = manifest["layers"] as? [Object] ?? []
        switch part {
        case .config, .manifest, .index: break
        case .layer: layers[0] = try put(bytes, as: layers[0], &written)
        case .symbols: layers[layers.count - 1] = try put(bytes, as: layers[layers.count - 1], &written)
        case .pages, .writeSet, .hotPages:
            config[StoreTarget.packedNames[part] ?? ""] = Data(bytes).base64EncodedString()
        }
        manifest["layers"] = layers
        let configBytes = try part == .config ? bytes : StoreTarget.bytes(config)
        manifest["config"] = try put(configBytes, as: manifest["config"] as? Object ?? [:], &written)
        let manifestBytes = try part == .manifest ? bytes : StoreTarget.bytes(manifest)
        let entry = try StoreTarget.entry(index) as? Object ?? [:]
        index["manifests"] = [try put(manifestBytes, as: entry, &written)]
        let indexBytes = try part == .index ? bytes : StoreTarget.bytes(index)
        try Data(indexBytes).write(to: URL(fileURLWithPath: store + "/index.json"))
    }

    private func put(_ bytes: [UInt8], as descriptor: Object, _ written: inout [String]) throws -> Object {
        let digest = BlobDigest(of: bytes)
        let path = "\(store)/blobs/sha256/\(digest.hexadecimal)"
        if !FileManager.default.fileExists(atPath: path) {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            written.append(path)
        }
        var result = descriptor
        (result["digest"], result["size"]) = (digest.description, bytes.count)
        return result
    }

    private func check() {
        do throws(SnapshotStoreError) {
            let store = try SnapshotStore(at: store)
            for entry in try store.list() { Check.text(entry.tag ?? "", "a tag", limit: 1 << 20) }
            for (_, error) in try store.verifyAll() { Check.text(error.description, "an error", limit: 1 << 20) }
            _ = try? store.layerTrees()
            _ = try? store.inspect("golden")
            check(try store.load("golden", prefetch: false))
        } catch {
            Check.text(error.description, "an error", limit: 1 << 20)
        }
    }

    /// The guest of a snapshot that loads may do what it likes, and its sandbox can be brought back.
    private func check(_ snapshot: Snapshot) {
        do throws(SandboxError) {
            let sandbox = try Sandbox(from: snapshot, hostFunctions: hostFunctions)
            var random = SplitMix(state: 1)
            for export in sandbox.exports.prefix(6) {
                let outcome = Outcome(of: GuestCall(export, &random), in: sandbox)
                Check.text(outcome.error?.description ?? "", "an error", limit: 64 << 10)
                if outcome.backtrace != nil { Check.text(outcome.text, "a report", hasLines: true, limit: 1 << 20) }
                Check.holds(outcome.leaves(sandbox.status), "\(sandbox.status) after \(outcome.text)")
                try sandbox.restore(snapshot)
                Check.holds(sandbox.status == .ready, "a sandbox is \(sandbox.status) after it was restored")
            }
            _ = try sandbox.snapshot()
        } catch {
            Check.text(error.description, "an error", limit: 64 << 10)
        }
    }
}
