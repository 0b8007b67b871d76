import Glibc

/// Why a command failed, for a person: what was expected, what was found, what to do.
struct ToolError: Error, CustomStringConvertible {
    let exit: ToolExit
    /// Stable across versions, for programs that read `--json`.
    let kind: String
    let message: String

    init(_ exit: ToolExit, kind: String, _ message: String) {
        self.exit = exit
        self.kind = kind
        self.message = message
    }

    var description: String { message }

    var json: JSON { ["kind": .string(kind), "message": .string(message)] }

    /// To standard error for people, to standard output for programs.
    func report(asJSON: Bool) {
        if asJSON {
            print(JSON.object([("error", json)]))
        } else {
            // What was printed before comes before the error, wherever both of them go.
            fflush(nil)
            StandardError.write("palimpsest: error: \(message)")
        }
    }
}
