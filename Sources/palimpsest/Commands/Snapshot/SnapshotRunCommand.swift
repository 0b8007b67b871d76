import ArgumentParser
import ToolSupport

struct SnapshotRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Calls a function of a snapshot's guest and prints its result.",
        discussion: """
            The same as 'palimpsest call DIR:TAG FUNCTION ...': see its help.

            Examples:
              palimpsest snapshot run snapshots:greeter sayHello World
              palimpsest snapshot run snapshots@sha256:0a1b... add -2 0x2c --timeout 50ms

            \(ToolExit.table)
            """)

    @OptionGroup
    var call: CallCommand

    func run() throws { try call.run() }
}
