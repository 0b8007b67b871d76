/// Text that a guest or its file chose, made fit for logs, errors and terminals.
enum GuestText {
    /// Control characters (C0, DEL, C1, line and paragraph separators) and format characters (bidirectional overrides
    /// among them) as `\u{..}`: a guest can neither forge a line of the host's nor move its cursor.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator, .format, .surrogate:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
