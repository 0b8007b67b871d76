import ArgumentParser
import ToolSupport

struct SnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Keeps warm guests on disk and runs them from there.",
        discussion: """
            A store is a folder, an OCI image layout: skopeo, oras and registries carry it as it is. A snapshot in it \
            is named DIR:TAG, or DIR@sha256:DIGEST.

            Examples:
              palimpsest snapshot save greeter.elf snapshots:greeter --warm-up "sayHello World"
              palimpsest snapshot ls snapshots
              palimpsest snapshot run snapshots:greeter sayHello World
              skopeo copy oci:snapshots:greeter docker://registry.example.com/greeter:1

            \(ToolExit.table)
            """,
        subcommands: [
            SnapshotSaveCommand.self, SnapshotListCommand.self, SnapshotInspectCommand.self,
            SnapshotVerifyCommand.self, SnapshotTagCommand.self, SnapshotRemoveCommand.self,
            SnapshotPruneCommand.self, SnapshotCopyCommand.self, SnapshotRunCommand.self,
        ])
}
