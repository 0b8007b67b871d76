import Palimpsest

/// A call as one word of the command line: `"add 1 2"`. Words are separated by spaces; strings cannot have any.
struct GuestCall {
    let function: String
    let words: [String]

    init(_ text: String) throws(ToolError) {
        let words = text.split(separator: " ").map(String.init)
        guard let first = words.first else {
            throw ToolError(.usage, kind: "emptyCall", "Expected a call such as \"add 1 2\", found nothing.")
        }
        function = first
        self.words = Array(words.dropFirst())
    }

    func run(in sandbox: Sandbox) throws(ToolError) {
        guard let export = sandbox.exports.first(where: { $0.name == function }) else {
            throw ToolError(.unknownFunction(name: function, available: sandbox.exports.map(\.name)))
        }
        let arguments = try CallArguments.parse(words, for: export)
        _ = try ToolError.ofSandbox { () throws(SandboxError) in
            try sandbox.call(function, arguments: arguments)
        }
    }
}
