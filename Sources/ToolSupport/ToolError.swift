/// Why a command failed, for a person: what was expected, what was found, what to do.
package struct ToolError: Error, CustomStringConvertible {
    package let exit: ToolExit
    /// Stable across versions, for programs that read `--json`.
    package let kind: String
    package let message: String
    /// What else people get to see, below the message, and programs.
    package private(set) var details: [Details]

    package struct Details: Sendable {
        package let text: String
        /// What it is called in JSON.
        package let name: String
        package let json: JSON

        package init(text: String, name: String, json: JSON) {
            self.text = text
            self.name = name
            self.json = json
        }
    }

    /// The same error with more to see.
    package func adding(_ details: Details?) -> ToolError {
        var error = self
        if let details { error.details.append(details) }
        return error
    }

    package init(_ exit: ToolExit, kind: String, _ message: String, details: [Details] = []) {
        self.exit = exit
        self.kind = kind
        self.message = message
        self.details = details
    }

    /// ArgumentParser's own message, the way other errors look.
    package static func usage(_ message: String) -> ToolError {
        let prefix = "Error: "
        return ToolError(
            .usage, kind: "usage", message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message)
    }

    package var description: String { message }

    package var json: JSON {
        let members: [(String, JSON)] = [("kind", .string(kind)), ("message", .string(message))]
        return .object(members + details.map { ($0.name, $0.json) })
    }

    /// To standard error for people, to standard output for programs.
    package func report(asJSON: Bool, from program: String = "palimpsest") {
        if asJSON {
            StandardOutput.write(JSON.object([("error", json)]))
        } else {
            StandardError.write("\(program): error: \(message)" + details.map { "\n" + $0.text }.joined())
        }
    }
}
