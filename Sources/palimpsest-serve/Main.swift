import ArgumentParser
import ToolSupport

@main
enum Main {
    static func main() async {
        let process = ToolProcess("palimpsest-serve")
        do {
            var command = try ServeCommand.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            process.exit(.success)
        } catch {
            process.exit(process.report(error, of: ServeCommand.self))
        }
    }
}
