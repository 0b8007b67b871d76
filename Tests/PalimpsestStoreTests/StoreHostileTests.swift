import Foundation
import TestSupport
import Testing

@testable import Palimpsest
@testable import PalimpsestStore

/// Each thing that can be wrong with a store is refused by name: the file and the field.
@Suite("Hostile stores: what is refused, and how")
struct StoreHostileTests {
    /// One change to the golden store, and the field that is then wrong.
    struct Change: Sendable, CustomTestStringConvertible {
        let field: String
        let change: @Sendable (inout StoreForge) throws -> Void
        var testDescription: String { field }

        /// A change to the config.
        init(_ field: String, _ change: @escaping @Sendable (inout [String: Any]) -> Void) {
            self.field = field
            self.change = { forge in
                var config = try #require(forge.config as? StoreForge.Object)
                change(&config)
                forge.config = config
            }
        }
    }

    private static func packed(_ numbers: Int...) -> String {
        var packed = PackedIntegers()
        for number in numbers { packed.append(number) }
        return Data(packed.bytes).base64EncodedString()
    }

    private static func edit(_ list: String, _ index: Int, _ key: String, _ value: any Sendable)
        -> @Sendable (inout [String: Any]) -> Void
    {
        { config in
            var elements = config[list] as? [StoreForge.Object] ?? []
            elements[index][key] = value
            config[list] = elements
        }
    }

    private static func sizes(zeroData: Int = 49152, heap: Int = 65536, pool: Int = 1 << 20) -> [String: Int] {
        ["mailbox": 8192, "stack": 16384, "zeroData": zeroData, "heap": heap, "pool": pool]
    }

    private static func file(_ path: String, _ byteCount: Int) -> [[String: any Sendable]] {
        [["path": path, "byteCount": byteCount, "device": "0x0", "inode": "0x0", "modified": 0]]
    }

    private static let changes: [Change] = [
        Change("pages[0]") { $0["pages"] = packed(0x200, 1, 9, 0) },  // no such layer
        Change("pages[0]") { $0["pages"] = packed(0x200, 1, 0, 3) },  // beyond the layer
        Change("pages[0]") { $0["pages"] = packed(0x200, 4, 0, 0) },  // longer than the layer
        Change("pages[0]") { $0["pages"] = packed(0x200, 0, 0, 0) },  // nothing
        Change("pages[0]") { $0["pages"] = packed(0x40000, 1, 0, 0) },  // the entry page
        Change("pages[0]") { $0["pages"] = packed(0x40001, 1, 0, 0) },  // the constants page
        Change("pages[0]") { $0["pages"] = packed(0x4ffec, 1, 0, 0) },  // guard pages
        Change("pages[0]") { $0["pages"] = packed(0x30000, 1, 0, 0) },  // in no region
        Change("pages[0]") { $0["pages"] = packed(0x202, 2, 0, 1 << 50) },  // wraps
        Change("pages[0]") { $0["pages"] = packed(1 << 35, 1, 0, 0) },  // the supervisor's half
        Change("pages[0]") { $0["pages"] = packed((1 << 62) - 1, 1, 0, 0) },
        Change("pages[1]") { $0["pages"] = packed(0x200, 1, 0, 0, 0) },  // ends in the middle
        Change("pages[1]") { $0["pages"] = packed(0x200, 1, 0, 0, (1 << 62) - 1, 1, 0, 0) },
        Change("pages") { $0["pages"] = "no base64" },
        Change("writeSet") { $0["writeSet"] = packed(0x100000, 4097) },
        Change("writeSet[0]") { $0["writeSet"] = packed(0x40001, 1) },
        Change("hotPages[0]") { $0["hotPages"] = packed(1, 1) },  // one page before the first
        Change("hotPages") { $0["hotPages"] = packed(0x200000, 1 << 20) },
        Change("scratch.heap") { $0["scratch"] = sizes(heap: 1 << 40) },
        Change("scratch.pool") { $0["scratch"] = sizes(pool: 4095) },
        Change("scratch.zeroData") { $0["scratch"] = sizes(zeroData: 4096) },
        Change("scratch.heap") { $0["scratch"] = ["mailbox": 8192, "stack": 16384, "zeroData": 0, "pool": 0] },
        Change("regions[0].access", edit("regions", 0, "access", "READ | WRITE | EXECUTE")),
        Change("regions[2].access", edit("regions", 2, "access", "READ | EXECUTE")),
        Change("regions[0].label", edit("regions", 0, "label", "kernel")),
        Change("regions[0]", edit("regions", 0, "start", "0x1000")),
        Change("regions[0]", edit("regions", 0, "byteCount", Int.max)),
        Change("regions[0]", edit("regions", 0, "backing", "fixed")),
        Change("regions[4]", edit("regions", 4, "backing", "shared")),
        Change("regions[6]", edit("regions", 6, "byteCount", 4096)),
        Change("regions[10]", edit("regions", 10, "start", "0x200000000")),
        Change("regions", edit("regions", 0, "byteCount", 8192)),  // overlaps the next
        Change("regions") { $0["regions"] = ($0["regions"] as? [Any]).map { Array($0.dropLast()) } },
        Change("exports") { $0["exports"] = [Any]() },
        Change("exports[0].name", edit("exports", 0, "name", "")),
        Change("exports[0].name", edit("exports", 0, "name", "\u{1b}[31m")),
        Change("exports[0].name", edit("exports", 0, "name", String(repeating: "x", count: 256))),
        Change("exports[0].signature", edit("exports", 0, "signature", "lv")),
        Change("exports[0].function", edit("exports", 0, "function", "0x40000000")),
        Change("exports[0].function", edit("exports", 0, "function", "512")),
        Change("hostFunctions[0].signature", edit("hostFunctions", 0, "signature", "?")),
        Change("hostFunctions[1].name") {
            $0["hostFunctions"] = [["name": "a", "signature": "v"], ["name": "a", "signature": "v"]]
        },
        Change("processor.features") { $0["processor"] = ["xcr0": "0x3", "features": ["../.."]] },
        Change("processor.xcr0") { $0["processor"] = ["xcr0": "0x03", "features": [Any]()] },
        Change("engineVersion") { $0["engineVersion"] = "1" },
        Change("files[0].path") { $0["files"] = file("", 1) },
        Change("files[0].byteCount") { $0["files"] = file("/x", 0) },
    ]

    @Test("a config with one wrong field", arguments: changes)
    func config(change: Change) throws {
        var forge = try StoreForge()
        try change.change(&forge)
        try forge.write()
        let error = storeError { try forge.load() }
        guard case .invalid(let path, change.field, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(path.hasPrefix(forge.store.path + "/blobs/sha256/") && !reason.isEmpty)
    }

    @Test("what a snapshot needs and is not here is named: format, ABI, architecture, engine, processor")
    func requirements() throws {
        func error(_ change: (inout StoreForge.Object) -> Void) throws -> SnapshotStoreError? {
            var forge = try StoreForge()
            var config = try #require(forge.config as? StoreForge.Object)
            change(&config)
            forge.config = config
            try forge.write()
            return storeError { try forge.load() }
        }
        guard case .unsupportedFormat(_, "version 2", "version 1") = try error({ $0["formatVersion"] = 2 }),
            // A later format may have other fields altogether.
            case .unsupportedFormat = try error({ $0 = ["formatVersion": 7] })
        else {
            Issue.record("format")
            return
        }
        #expect(try error { $0["abiVersion"] = 2 } == .abiVersionMismatch(snapshot: 2, engine: 1))
        #expect(try error { $0["architecture"] = "arm64" } == .wrongArchitecture(needed: "arm64", here: "amd64"))
        let here = EngineVersion.current
        for version in ["0.\(here.minor + 1).0", "1.0.0"] {
            #expect(try error { $0["engineVersion"] = version } == .engineTooOld(needed: version, here: "\(here)"))
        }
        let features = ["xcr0": "0x8000000000000003", "features": ["cx16", "warpdrive"]] as [String: any Sendable]
        guard case .processorLacks(let missing, let found) = try error({ $0["processor"] = features }) else {
            Issue.record("processor")
            return
        }
        #expect(missing == ["warpdrive", "XCR0:0x8000000000000000"] && found.contains("cx16"))
        let later = try { () throws -> SnapshotStoreError? in
            var forge = try StoreForge()
            forge.manifest = JSONTree.replacing([.member("config"), .member("mediaType")][...], in: forge.manifest) {
                _ in
                "application/vnd.palimpsest.snapshot.config.v2+json"
            }
            try forge.write()
            return storeError { try forge.load() }
        }()
        guard case .unsupportedFormat = later else {
            Issue.record("\(String(describing: later))")
            return
        }
    }

    @Test("a host's file is mapped only if it is allowed by name")
    func files() throws {
        var forge = try StoreForge()
        var config = try #require(forge.config as? StoreForge.Object)
        config["files"] = StoreHostileTests.file("/etc/passwd", 10)
        forge.config = config
        try forge.write()
        #expect(
            storeError { try forge.load() } == .fileNotAllowed(file: "/etc/passwd", path: forge.store.path))
        let error = storeError {
            _ = try Snapshot(loading: forge.store.path, reference: "golden", allowedFiles: ["/etc/passwd"])
        }
        guard case .mappedFileChanged("/etc/passwd", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    // MARK: - Files

    /// Something in place of the first layer's blob.
    @Test("links, folders, FIFOs, devices, missing and misshapen blobs are refused by name")
    func blobs() throws {
        let manager = FileManager.default
        func error(
            _ replace: (_ path: String, _ target: String) throws -> Void
        ) throws -> (SnapshotStoreError?, String) {
            let forge = try StoreForge()
            let digest = try #require(forge.layers[0]["digest"] as? String)
            let path = "\(forge.store.path)/blobs/sha256/\(digest.dropFirst(7))"
            let target = forge.store.path + "/target"
            try manager.moveItem(atPath: path, toPath: target)
            try replace(path, target)
            return (storeError { try forge.load() }, path)
        }
        let (missing, missingPath) = try error { _, _ in }
        #expect(missing == .blobMissing(path: missingPath))
        let (link, linkPath) = try error { try manager.createSymbolicLink(atPath: $0, withDestinationPath: $1) }
        #expect(link == .unreadable(path: linkPath, reason: "it is a link"))
        let noFile: [(String) -> CInt] = [
            { mkdir($0, 0o755) }, { mkfifo($0, 0o644) }, { mknod($0, S_IFCHR | 0o644, 1 << 8 | 5) },
        ]
        for make in noFile {
            let (other, path) = try error { path, _ in try #require(make(path) == 0) }
            #expect(other == .unreadable(path: path, reason: "it is no regular file"))
        }
        let (short, shortPath) = try error { path, _ in try Data(count: 4096).write(to: URL(fileURLWithPath: path)) }
        guard case .wrongSize(shortPath, _, 4096) = short else {
            Issue.record("\(String(describing: short))")
            return
        }
    }

    @Test("no store, half a store, a store of another layout, and a folder of other things")
    func notAStore() throws {
        for break_ in ["oci-layout", "index.json", "blobs", "blobs/sha256"] {
            let forge = try StoreForge()
            try FileManager.default.removeItem(atPath: "\(forge.store.path)/\(break_)")
            #expect(storeError { try forge.load() } != nil)
        }
        let forge = try StoreForge()
        let layout = URL(fileURLWithPath: forge.store.path + "/oci-layout")
        try Data(#"{"imageLayoutVersion":"2.0.0"}"#.utf8).write(to: layout)
        guard case .invalid(layout.path, "imageLayoutVersion", _) = storeError(of: { try forge.load() }) else {
            Issue.record("layout")
            return
        }
        try Data(repeating: 0x20, count: 1 << 20).write(to: layout)
        #expect(storeError { try forge.load() } == .fileTooLarge(path: layout.path, byteCount: 1 << 20, limit: 4096))
        // The whole of blobs/sha256 as a link to somewhere else.
        let linked = try StoreForge()
        try FileManager.default.moveItem(
            atPath: linked.store.path + "/blobs/sha256", toPath: linked.store.path + "/elsewhere")
        try FileManager.default.createSymbolicLink(
            atPath: linked.store.path + "/blobs/sha256", withDestinationPath: linked.store.path + "/elsewhere")
        guard case .notAStore = storeError(of: { try linked.load() }) else {
            Issue.record("link")
            return
        }
        // A folder with other things in it does not become a store.
        let folder = TemporaryStore()
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        try Data("x".utf8).write(to: URL(fileURLWithPath: folder.path + "/notes.txt"))
        guard case .notAStore = storeError(of: { _ = try SnapshotStore(at: folder.path, create: true) }) else {
            Issue.record("folder")
            return
        }
        #expect(try folder.contents().count == 1)
    }

    @Test("two entries of one tag are ambiguous; a container image is no snapshot, and is pruned around")
    func index() throws {
        var forge = try StoreForge()
        var index = try #require(forge.index as? StoreForge.Object)
        let entries = try #require(index["manifests"] as? [StoreForge.Object])
        index["manifests"] = entries + entries
        forge.index = index
        try forge.write()
        #expect(storeError { try forge.load() } == .ambiguousTag(tag: "golden", path: forge.store.path))
        try SnapshotStore(at: forge.store.path).tag(GoldenTests.digest, as: "golden")
        try forge.load()
        // An image of others in the same store.
        forge = try StoreForge()
        forge.manifest = JSONTree.replacing([.member("config"), .member("mediaType")][...], in: forge.manifest) { _ in
            "application/vnd.oci.image.config.v1+json"
        }
        try forge.write()
        let store = try SnapshotStore(at: forge.store.path)
        guard case .notASnapshot = storeError(of: { try forge.load() }) else {
            Issue.record("image")
            return
        }
        #expect(try store.list().map(\.layers) == [nil])
        // Only the golden manifest and config, which the index leads to no more.
        #expect(try store.prune().blobCount == 2)
    }
}
