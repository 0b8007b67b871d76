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
        process.exit(run(Array(CommandLine.arguments.dropFirst())))
    }

    /// - Returns: what to exit with, if all that was printed has arrived.
    private static func run(_ arguments: [String]) -> ExitCode {
        do {
            var command = try PalimpsestCommand.parseAsRoot(arguments)
            try command.run()
            return .success
        } catch let error as ToolError {
            error.report(asJSON: wantsJSON(arguments))
            return error.exit.code
        } catch {
            let code = PalimpsestCommand.exitCode(for: error)
            if code == .validationFailure {
                reportUsage(error, asJSON: wantsJSON(arguments))
                return ToolExit.usage.code
            }
            // Help and version are thrown, too. An exit code has no message.
            let message = PalimpsestCommand.fullMessage(for: error)
            if !message.isEmpty { code.isSuccess ? StandardOutput.write(message) : StandardError.write(message) }
            return code
        }
    }

    /// ArgumentParser's own message; with the usage behind it, for people.
    private static func reportUsage(_ error: any Error, asJSON: Bool) {
        let message = asJSON ? PalimpsestCommand.message(for: error) : PalimpsestCommand.fullMessage(for: error)
        ToolError.usage(message).report(asJSON: asJSON)
    }

    /// Whether errors are to be JSON, too. Asked of the bare arguments: they may be what is wrong.
    static func wantsJSON(_ arguments: [String]) -> Bool {
        arguments.prefix { $0 != "--" }.contains("--json")
    }
}
