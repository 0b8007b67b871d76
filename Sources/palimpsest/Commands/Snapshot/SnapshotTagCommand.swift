import ArgumentParser
import Palimpsest
import PalimpsestStore
import ToolSupport

struct SnapshotTagCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag",
        abstract: "Gives a snapshot another tag.",
        discussion: """
            A tag that meant something else until now moves.

            Examples:
              palimpsest snapshot tag snapshots:greeter current
              palimpsest snapshot tag snapshots@sha256:0a1b... current

            \(ToolExit.table)
            """)

    @Argument(help: "The snapshot: DIR:TAG or DIR@sha256:DIGEST.")
    var snapshot: SnapshotLocation

    @Argument(help: "The new tag.")
    var tag: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let store = try snapshot.store()
        try ToolError.ofStore { () throws(SnapshotStoreError) in try store.tag(snapshot.reference, as: tag) }
        if json { StandardOutput.write(JSON.object([("tag", .string(tag))])) }
    }
}
