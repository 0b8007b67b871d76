/// A JSON value as a client wrote it. Numbers keep their text: no digit of them is lost on the way to a guest.
enum JSONValue: Equatable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    /// Nothing takes an object: what is in it has been checked, not kept.
    case object

    /// What it is, for a message: an excerpt, never all of it.
    var excerpt: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let text): "the number \(JSONValue.shortened(text))"
        case .string(let text): "the string \"\(JSONValue.shortened(text))\""
        case .array(let values): "an array of \(values.count)"
        case .object: "an object"
        }
    }

    private static func shortened(_ text: String) -> String {
        text.utf8.count <= 40 ? text : String(text.unicodeScalars.prefix(32)) + "..."
    }
}
