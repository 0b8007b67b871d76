import ArgumentParser
import Glibc

/// The tool as a process: what has to be done before anything is opened or written, and how it ends.
package struct ToolProcess {
    private let program: String
    /// Whether nobody has asked for writes to a broken pipe to be survived.
    private let diesOfBrokenPipe: Bool

    /// First of all, before any file is opened.
    package init(_ program: String = "palimpsest") {
        self.program = program
        StandardStream.takeMissingDescriptors()
        // Put off until the end: by then, what the command made for itself is gone.
        diesOfBrokenPipe = signal(SIGPIPE, SIG_IGN) == nil
    }

    /// Says why a command ended, which help and version are reasons for, too: those go to standard output.
    /// - Returns: what to exit with, if all that was printed has arrived.
    package func report<Command: ParsableCommand>(
        _ error: any Error, of command: Command.Type, asJSON: Bool = false
    ) -> ExitCode {
        if let error = error as? ToolError {
            error.report(asJSON: asJSON, from: program)
            return error.exit.code
        }
        let code = Command.exitCode(for: error)
        if code == .validationFailure {
            // ArgumentParser's own message; with the usage behind it, for people.
            let message = asJSON ? Command.message(for: error) : Command.fullMessage(for: error)
            ToolError.usage(message).report(asJSON: asJSON, from: program)
            return ToolExit.usage.code
        }
        // An exit code has no message.
        let message = Command.fullMessage(for: error)
        if !message.isEmpty { code.isSuccess ? StandardOutput.write(message) : StandardError.write(message) }
        return code
    }

    /// Ends the process. If results are missing on standard output, no other code counts; if text is missing on
    /// standard error, a failure is still that failure. A broken pipe ends it without a word: by the signal, as is
    /// usual, unless that was ignored when it started.
    package func exit(_ code: ExitCode) -> Never {
        let (output, error) = (StandardOutput.stream, StandardError.stream)
        output.close()
        if diesOfBrokenPipe, output.isBrokenPipe || error.isBrokenPipe {
            signal(SIGPIPE, SIG_DFL)
            raise(SIGPIPE)
        }
        if let reason = output.failure, !output.isBrokenPipe {
            StandardError.write("\(program): error: Standard output cannot be written: \(reason).")
        }
        let isIncomplete = output.failure != nil || (code.isSuccess && error.failure != nil)
        Glibc.exit((isIncomplete ? ToolExit.outputFailed.code : code).rawValue)
    }
}
