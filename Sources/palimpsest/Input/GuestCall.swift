import Palimpsest
import ToolSupport

/// A call as one word of the command line: `"add 1 2"`, or `'greet "wide world"'`. Words are separated by spaces, and
/// may be in quotes, single or double.
struct GuestCall {
    let function: String
    let words: [String]

    init(_ text: String) throws(ToolError) {
        let words = try GuestCall.words(text)
        guard let first = words.first else {
            throw ToolError(.usage, kind: "emptyCall", "Expected a call such as \"add 1 2\", found nothing.")
        }
        function = first
        self.words = Array(words.dropFirst())
    }

    private static func words(_ text: String) throws(ToolError) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Unicode.Scalar?
        // Not by characters: a mark that combines with a space or a quote does not make it another separator.
        for character in text.unicodeScalars {
            if character == quote {
                quote = nil
            } else if quote == nil, character == "\"" || character == "'" {
                quote = character
                word = word ?? ""
            } else if quote == nil, character == " " {
                if let word { words.append(word) }
                word = nil
            } else {
                if word == nil { word = "" }
                word?.unicodeScalars.append(character)
            }
        }
        if let quote {
            throw ToolError(
                .usage, kind: "openQuote", "Expected another \(quote) in the call \(Terminal.escaped(text)).")
        }
        return words + (word.map { [$0] } ?? [])
    }

    func run(in sandbox: Sandbox) throws(ToolError) {
        guard let export = sandbox.exports.first(where: { $0.name.hasBytes(of: function) }) else {
            throw ToolError(.unknownFunction(name: function, available: sandbox.exports.map(\.name)))
        }
        let arguments = try CallArguments.parse(words, for: export)
        _ = try ToolError.ofSandbox { () throws(SandboxError) in
            try sandbox.call(function, arguments: arguments)
        }
    }
}
