import ArgumentParser
import Palimpsest
import ToolSupport

/// The tool: what it is called with, what it exits with. Each command is a file of its own in `Commands/`.
struct PalimpsestCommand: ParsableCommand {
    static let version = EngineVersion.current.description

    static let configuration = CommandConfiguration(
        commandName: "palimpsest",
        abstract: "Runs untrusted guest functions in KVM micro-VMs.",
        discussion: """
            First steps:
              palimpsest doctor                          is this machine fit for it?
              palimpsest demo                            a guided tour, guests included
              palimpsest build greeter.c -o greeter.elf  a guest of your own
              palimpsest inspect greeter.elf
              palimpsest call greeter.elf sayHello World
              palimpsest trace greeter.elf sayHello World
              palimpsest snapshot save greeter.elf snapshots:greeter
              palimpsest call snapshots:greeter sayHello World

            \(ToolExit.table)
            """,
        version: version,
        subcommands: [
            DoctorCommand.self, DemoCommand.self, BuildCommand.self, InspectCommand.self, CallCommand.self,
            TraceCommand.self, SnapshotCommand.self,
        ])
}

@main
enum Main {
    static func main() {
        let process = ToolProcess()
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            var command = try PalimpsestCommand.parseAsRoot(arguments)
            try command.run()
            process.exit(.success)
        } catch {
            process.exit(process.report(error, of: PalimpsestCommand.self, asJSON: wantsJSON(arguments)))
        }
    }

    /// Whether errors are to be JSON, too. Asked of the bare arguments: they may be what is wrong.
    static func wantsJSON(_ arguments: [String]) -> Bool {
        arguments.prefix { $0 != "--" }.contains("--json")
    }
}
