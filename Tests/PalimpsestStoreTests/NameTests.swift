import Foundation
import TestSupport
import Testing

@testable import GuestABI
@testable import Palimpsest
@testable import PalimpsestPool
@testable import PalimpsestStore

/// Names are bytes: what is canonically equivalent, and one string to Swift, is two names.
@Suite("Names that differ in bytes and are canonically equivalent")
struct NameTests {
    private static let composed = "\u{e9}"
    private static let decomposed = "e\u{301}"
    /// Pairs of several kinds: composed, singletons (one of them of ASCII), marks in another order, Hangul.
    static let pairs = [
        (composed, decomposed), ("\u{212b}", "\u{c5}"), ("\u{212a}", "K"), ("\u{1e0b}\u{323}", "\u{1e0d}\u{307}"),
        ("a\u{323}\u{307}", "a\u{307}\u{323}"), ("\u{ac00}", "\u{1100}\u{1161}"),
    ]

    @Test("byte names are equal, hash and sort by bytes", arguments: pairs)
    func byteNames(one: String, other: String) {
        #expect(one == other, "to Swift")
        #expect(ByteName(one) != ByteName(other))
        #expect(Set([ByteName(one), ByteName(other), ByteName(one + "")]).count == 2)
        #expect((ByteName(one) < ByteName(other)) != (ByteName(other) < ByteName(one)))
        #expect(one.hasBytes(of: String(decoding: Array(one.utf8), as: UTF8.self)) && !one.hasBytes(of: other))
        #expect("".hasBytes(of: "") && !"".hasBytes(of: one) && "add".hasBytes(of: "add") && !"add".hasBytes(of: "sub"))
    }

    @Test("each export is the one of its bytes: called by name, typed or not, by handle, from snapshots and stores")
    func exports() throws {
        let sandbox = try Sandbox(guest: .bytes(Guests.names))
        let store = TemporaryStore()
        try sandbox.snapshot().save(to: store.path, tag: "names")
        let loaded = try Sandbox(from: Snapshot(loading: store.path, reference: "names"))
        for sandbox in [sandbox, loaded, try Sandbox(from: sandbox.snapshot())] {
            #expect(try sandbox.call(NameTests.composed) as Int64 == 1)
            #expect(try sandbox.call(NameTests.decomposed) as Int64 == 2)
            #expect(try sandbox.call("\u{212b}", arguments: []) == .int64(3))
            #expect(try sandbox.call(sandbox.function("A\u{30a}", as: (() -> Int64).self)) == 4)
            #expect(try sandbox.call("\u{c5}") as String == "five")
            #expect(Set(sandbox.exports).count == 5)
        }
        guard case .unknownFunction? = caughtError(of: { _ = try sandbox.call("e\u{300}") as Int64 }) else {
            Issue.record("a function was called that is not there")
            return
        }
    }

    @Test("exports are found in tables of any size and order, and nothing else is")
    func exportTable() throws {
        let signature = GuestSignature(result: .void, arguments: [])
        let ends = NameTests.pairs.flatMap { [$0.0, $0.1] }
        let names = ["", "a", "function"].flatMap { start in ends.map { start + $0 } } + ["a", "b", "ab", "ba"]
        for count in [0, 1, 2, 3, names.count] {
            let exports = names.shuffled().prefix(count).enumerated().map { index, name in
                GuestExport(name: name, signature: signature, index: index, function: 0, context: 0)
            }
            let table = ExportTable(exports)
            for name in names + ["", "c", "functions"] {
                #expect(table[name]?.index == exports.firstIndex { Array($0.name.utf8) == Array(name.utf8) })
            }
        }
    }

    @Test("a guest with two exports of one name is refused when it is loaded, be it from a store")
    func twins() throws {
        let error = caughtError { _ = try Sandbox(guest: .bytes(Guests.twins)) }
        guard case .invalidExport(2, let reason) = error else { throw Unexpected(error) }
        #expect(reason.contains("'twin'"))
        var forge = try StoreForge()
        var config = try #require(forge.config as? StoreForge.Object)
        var exports = try #require(config["exports"] as? [StoreForge.Object])
        exports.append(exports[0])
        config["exports"] = exports
        forge.config = config
        try forge.write()
        let field = "exports[\(exports.count - 1)].name"
        guard case .invalid(_, field, _) = storeError(of: { try forge.load() }) else { throw Unexpected(nil) }
    }

    @Test("host functions of names that look alike are two, and a snapshot asks for the one it was taken with")
    func hostFunctions() throws {
        var host = HostFunctions()
        for (number, name) in [NameTests.composed, NameTests.decomposed].enumerated() {
            try host.register(name) { () -> Int64 in Int64(number) }
        }
        #expect(throws: SandboxError.self) { try host.register(NameTests.composed) { () -> Int64 in 2 } }
        for name in host.names {
            #expect(Array(name.utf8).withUnsafeBytes { host.find($0)?.name.hasBytes(of: name) } == true)
        }
        var other = HostFunctions()
        try other.register(NameTests.composed) { () -> Int64 in 0 }
        let signature = try #require(host.functions.first?.signature)
        try other.check([.init(name: NameTests.composed, signature: signature)])
        #expect(throws: SandboxError.self) {
            try other.check([.init(name: NameTests.decomposed, signature: signature)])
        }
    }

    @Test("a pool's snapshots are told apart, added, called and removed by bytes")
    func poolSnapshots() async throws {
        let pool = try SandboxPool()
        let sandbox = try Sandbox(guest: .bytes(Guests.names))
        try pool.add(sandbox.snapshot(), as: NameTests.composed)
        try pool.add(sandbox.snapshot(), as: NameTests.decomposed)
        #expect(pool.snapshotNames.map(ByteName.init) == [NameTests.decomposed, NameTests.composed].map(ByteName.init))
        pool.remove(NameTests.decomposed)
        #expect(try await pool.call(NameTests.decomposed, snapshot: NameTests.composed) as Int64 == 2)
        let error = await poolError {
            _ = try await pool.call(NameTests.composed, snapshot: NameTests.decomposed) as Int64
        }
        guard case .unknownSnapshot = error else { throw Unexpected(error) }
        await pool.shutdown()
    }

    @Test("a tag of a foreign store that is only equivalent to one is another: resolved, moved and removed by bytes")
    func tags() throws {
        let forge = try StoreForge()
        try forge.write()
        let directory = try StoreDirectory.open(forge.store.path)
        let entry = try #require(try directory.index().manifests.first)
        try directory.changeIndex { index throws(SnapshotStoreError) in
            index.manifests.append(
                OCIDescriptor(
                    .ociManifest, entry.digest, size: entry.size, annotations: [OCIAnnotation.tag: "\u{212a}"]))
        }
        let store = try SnapshotStore(at: forge.store.path)
        guard case .unknownReference? = storeError(of: { _ = try store.load("K") }) else { throw Unexpected(nil) }
        guard case .unknownReference? = storeError(of: { try store.remove("K") }) else { throw Unexpected(nil) }
        try store.tag("golden", as: "K")
        #expect(try store.inspect("K").tags.map(ByteName.init) == ["K", "golden", "\u{212a}"].map(ByteName.init))
        #expect(try store.layerTrees().flatMap { NameTests.names($0) }.count == 3)
        try store.remove("K")
        #expect(try store.list().compactMap(\.tag).map(ByteName.init).contains(ByteName("\u{212a}")))
    }

    private static func names(_ node: LayerNode) -> [String] { node.snapshots + node.children.flatMap(names) }

    @Test("a file that a snapshot has mapped is allowed by its own path, not by one that looks like it")
    func allowedFiles() throws {
        let folder = FileManager.default.temporaryDirectory.path
        let path = "\(folder)/palimpsest-\(UUID().uuidString)-"
        try Data(repeating: 1, count: 4096).write(to: URL(fileURLWithPath: path + NameTests.decomposed))
        defer { try? FileManager.default.removeItem(atPath: path + NameTests.decomposed) }
        let sandbox = try Sandbox(guest: .bytes(Guests.names))
        _ = try sandbox.mapFile(path + NameTests.decomposed, at: 0x2_0000_0000)
        let store = TemporaryStore()
        try sandbox.snapshot().save(to: store.path, tag: "mapped")
        let opened = try SnapshotStore(at: store.path)
        guard
            case .fileNotAllowed? = storeError(of: {
                _ = try opened.load("mapped", allowedFiles: [path + NameTests.composed])
            })
        else { throw Unexpected(nil) }
        _ = try opened.load("mapped", allowedFiles: [path + NameTests.composed, path + NameTests.decomposed])
    }
}
