import ArgumentParser
import Palimpsest
import PalimpsestStore
import ToolSupport

struct SnapshotCopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copies a snapshot into another store.",
        discussion: """
            Digests are checked on the way; what the other store has is not copied again. For registries there is \
            skopeo: 'skopeo copy oci:DIR:TAG docker://...'.

            Examples:
              palimpsest snapshot copy snapshots:greeter /mnt/backup:greeter

            \(ToolExit.table)
            """)

    @Argument(help: "The snapshot: DIR:TAG or DIR@sha256:DIGEST.")
    var snapshot: SnapshotLocation

    @Argument(help: "Where to: DIR:TAG.")
    var destination: SnapshotLocation

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let source = try snapshot.store()
        let target = try destination.store(create: true)
        let bar = ProgressBar("copying", isShown: !json)
        let digest = try ToolError.ofStore { () throws(SnapshotStoreError) in
            defer { bar.end() }
            return try source.copy(snapshot.reference, to: target, tag: destination.reference) { bar.show($0) }
        }
        if json {
            StandardOutput.write(JSON.object([("digest", .string(digest.description))]))
        } else {
            StandardOutput.write("\(destination.directory)@\(digest)")
        }
    }
}
