import Foundation
import TestSupport
import Testing

@testable import Palimpsest
@testable import PalimpsestStore

/// A copy of the golden store whose JSON can be changed, digests and sizes put right again: what is wrong with it is
/// what a test made wrong, and not its checksum.
struct StoreForge {
    typealias Object = [String: Any]

    let store = TemporaryStore()
    var config: Any
    var manifest: Any
    var index: Any
    var layers: [Object] { (manifest as? Object)?["layers"] as? [Object] ?? [] }

    init() throws {
        let golden = try GoldenTests.path()
        try FileManager.default.copyItem(atPath: golden, toPath: store.path)
        func json(_ path: String) throws -> Object {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            return try #require(try JSONSerialization.jsonObject(with: data) as? Object)
        }
        func blob(_ descriptor: Any?) throws -> Object {
            let name = try #require((descriptor as? Object)?["digest"] as? String).dropFirst(7)
            return try json("\(golden)/blobs/sha256/\(name)")
        }
        let index = try json("\(golden)/index.json")
        let manifest = try blob((index["manifests"] as? [Object])?.first)
        self.index = index
        self.manifest = manifest
        config = try blob(manifest["config"])
    }

    /// Writes all three, each with the digest of the one below.
    func write() throws {
        var manifest = manifest
        if var object = manifest as? Object, let old = object["config"] as? Object {
            object["config"] = try put(try StoreForge.bytes(config), as: old)
            manifest = object
        }
        try write(manifestBytes: try StoreForge.bytes(manifest))
    }

    /// Writes any bytes as the config.
    func write(configBytes bytes: [UInt8]) throws {
        var object = try #require(manifest as? Object)
        object["config"] = try put(bytes, as: try #require(object["config"] as? Object))
        try write(manifestBytes: try StoreForge.bytes(object))
    }

    func write(manifestBytes bytes: [UInt8]) throws {
        var index = index
        if var object = index as? Object, var entries = object["manifests"] as? [Object], !entries.isEmpty {
            entries[0] = try put(bytes, as: entries[0])
            object["manifests"] = entries
            index = object
        }
        try write(indexBytes: try StoreForge.bytes(index))
    }

    func write(indexBytes bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: store.path + "/index.json"))
    }

    /// A blob, and its descriptor with digest and size in it, where the descriptor has them as they should be.
    private func put(_ bytes: [UInt8], as descriptor: Object) throws -> Object {
        let digest = BlobDigest(of: bytes)
        try Data(bytes).write(to: URL(fileURLWithPath: store.blob(digest)))
        var result = descriptor
        if descriptor["digest"] is String { result["digest"] = digest.description }
        if descriptor["size"] is NSNumber { result["size"] = bytes.count }
        return result
    }

    static func bytes(_ json: Any) throws -> [UInt8] {
        Array(try JSONSerialization.data(withJSONObject: json, options: [.fragmentsAllowed, .sortedKeys]))
    }

    /// Loads what was forged. If that succeeds, a sandbox made of it must do no harm.
    func load(running: Bool = true) throws {
        let snapshot = try Snapshot(loading: store.path, reference: "golden")
        guard running else { return }
        var host = HostFunctions()
        try host.register("twice") { (value: Int64) -> Int64 in 2 * value }
        do {
            let sandbox = try Sandbox(from: snapshot, hostFunctions: host)
            for export in sandbox.exports.prefix(2) where export.signature.arguments.isEmpty {
                _ = try sandbox.call(export.name, arguments: [], deadline: .now + .milliseconds(5))
            }
            _ = try sandbox.snapshot()
            try sandbox.restore(snapshot)
        } catch {}  // The guest of a forged snapshot may do what it likes.
    }
}

/// A place in a JSON value.
enum JSONStep: Hashable {
    case member(String)
    case element(Int)
}

enum JSONTree {
    /// Every place there is, the root left out.
    static func places(in value: Any, at path: [JSONStep] = []) -> [[JSONStep]] {
        var found: [[JSONStep]] = path.isEmpty ? [] : [path]
        if let object = value as? [String: Any] {
            for key in object.keys.sorted() {
                found += places(in: object[key] as Any, at: path + [.member(key)])
            }
        } else if let array = value as? [Any] {
            for (index, element) in array.enumerated() { found += places(in: element, at: path + [.element(index)]) }
        }
        return found
    }

    /// `value` with something else in one place; nil takes the place away.
    static func replacing(_ path: ArraySlice<JSONStep>, in value: Any, with new: (Any) -> Any?) -> Any {
        guard let step = path.first else { return new(value) ?? NSNull() }
        let rest = path.dropFirst()
        switch step {
        case .member(let key):
            guard var object = value as? [String: Any], let old = object[key] else { return value }
            object[key] = rest.isEmpty ? new(old) : replacing(rest, in: old, with: new)
            return object
        case .element(let index):
            guard var array = value as? [Any], array.indices.contains(index) else { return value }
            if rest.isEmpty {
                if let new = new(array[index]) { array[index] = new } else { array.remove(at: index) }
            } else {
                array[index] = replacing(rest, in: array[index], with: new)
            }
            return array
        }
    }
}
