import ArgumentParser
import Palimpsest
import PalimpsestStore
import ToolSupport

struct SnapshotPruneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Removes blobs that nothing in a store refers to.",
        discussion: """
            Waits for saves that are under way. Snapshots in use go on.

            Examples:
              palimpsest snapshot prune snapshots

            \(ToolExit.table)
            """)

    @Argument(help: "The store, a folder.", completion: .directory)
    var store: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws { try SnapshotPruneCommand.prune(store, asJSON: json) }

    static func prune(_ directory: String, asJSON: Bool) throws {
        let store = try SnapshotLocation.store(directory)
        let report = try ToolError.ofStore { () throws(SnapshotStoreError) in try store.prune() }
        if asJSON {
            StandardOutput.write(
                JSON.object([
                    ("blobs", .integer(report.blobCount)), ("partialFiles", .integer(report.partialFileCount)),
                    ("byteCount", .integer(report.byteCount)),
                ]))
        } else {
            StandardOutput.write("removed \(report.blobCount) blobs, \(Quantity.bytes(UInt64(report.byteCount)))")
        }
    }
}
