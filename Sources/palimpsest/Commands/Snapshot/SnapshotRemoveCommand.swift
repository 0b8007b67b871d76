import ArgumentParser
import Palimpsest
import PalimpsestStore
import ToolSupport

struct SnapshotRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Removes tags; 'prune' frees what nothing refers to any more.",
        discussion: """
            Given a digest, it removes all tags of that snapshot.

            Examples:
              palimpsest snapshot rm snapshots:greeter
              palimpsest snapshot rm snapshots:greeter --prune

            \(ToolExit.table)
            """)

    @Argument(help: "The snapshots: DIR:TAG or DIR@sha256:DIGEST.")
    var snapshots: [SnapshotLocation]

    @Flag(help: "Then free what nothing refers to.")
    var prune = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        for snapshot in snapshots {
            let store = try snapshot.store()
            try ToolError.ofStore { () throws(SnapshotStoreError) in try store.remove(snapshot.reference) }
        }
        guard prune else {
            if json { StandardOutput.write(JSON.object([("removed", .integer(snapshots.count))])) }
            return
        }
        for directory in Set(snapshots.map { ByteName($0.directory) }).sorted() {
            try SnapshotPruneCommand.prune(directory.text, asJSON: json)
        }
    }
}
