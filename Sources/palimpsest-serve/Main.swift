import ArgumentParser
import ToolSupport

@main
enum Main {
    static func main() async {
        do {
            var command = try ServeCommand.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as ToolError {
            error.report(asJSON: false, from: "palimpsest-serve")
            ServeCommand.exit(withError: error.exit.code)
        } catch {
            // Neither help nor version, which are thrown, too, and print themselves.
            guard ServeCommand.exitCode(for: error) == .validationFailure else { ServeCommand.exit(withError: error) }
            ToolError.usage(ServeCommand.fullMessage(for: error)).report(asJSON: false, from: "palimpsest-serve")
            ServeCommand.exit(withError: ToolExit.usage.code)
        }
    }
}
