import ArgumentParser
import Palimpsest
import PalimpsestStore
import ToolSupport

struct SnapshotListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "Lists what is in a store.",
        discussion: """
            'own' is what only that snapshot needs: what removing it would free. The rest it shares.

            Examples:
              palimpsest snapshot ls snapshots
              palimpsest snapshot ls snapshots --json

            \(ToolExit.table)
            """)

    @Argument(help: "The store, a folder.", completion: .directory)
    var store: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let store = try SnapshotLocation.store(store)
        let entries = try ToolError.ofStore { () throws(SnapshotStoreError) in try store.list() }
        let users = SnapshotListCommand.users(entries)
        if json { return StandardOutput.write(JSON.array(entries.map { SnapshotListCommand.json($0, users) })) }
        var table = Table([
            ("tag", .left), ("digest", .left), ("layers", .right), ("size", .right), ("own", .right),
        ])
        for entry in entries {
            table.add(
                .init(entry.tag.map(Terminal.escaped) ?? "-"), .init(entry.digest.short),
                .init(entry.layers.map { "\($0.count)" } ?? "no snapshot"),
                .init(entry.layers == nil ? "" : Quantity.bytes(UInt64(entry.byteCount))),
                .init(entry.layers == nil ? "" : Quantity.bytes(UInt64(SnapshotListCommand.own(entry, users)))))
        }
        StandardOutput.write(table.render())
    }

    /// By layer: the snapshots that need it.
    private static func users(_ entries: [StoreEntry]) -> [BlobDigest: Set<BlobDigest>] {
        var users: [BlobDigest: Set<BlobDigest>] = [:]
        for entry in entries {
            for layer in entry.layers ?? [] { users[layer.digest, default: []].insert(entry.digest) }
        }
        return users
    }

    private static func own(_ entry: StoreEntry, _ users: [BlobDigest: Set<BlobDigest>]) -> Int {
        (entry.layers ?? []).filter { users[$0.digest]?.count == 1 }.reduce(0) { $0 + $1.byteCount }
    }

    private static func json(_ entry: StoreEntry, _ users: [BlobDigest: Set<BlobDigest>]) -> JSON {
        [
            "tag": entry.tag.map(JSON.string) ?? .null,
            "digest": .string(entry.digest.description),
            "isSnapshot": .bool(entry.layers != nil),
            "layers": .array((entry.layers ?? []).map { .string($0.digest.description) }),
            "byteCount": .integer(entry.byteCount),
            "ownByteCount": .integer(own(entry, users)),
        ]
    }
}
