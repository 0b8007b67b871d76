import ArgumentParser
import Palimpsest
import ToolSupport

/// The words after the function's name, read by its signature.
enum CallArguments {
    /// What ArgumentParser left over, without the `--`, and without options: what starts like one but no number
    /// does is a mistake, unless it comes after the `--`.
    static func words(_ leftover: [String]) throws -> [String] {
        let head = leftover.prefix { $0 != "--" }
        if let option = head.first(where: { $0.hasPrefix("-") && !startsLikeNumber($0) && $0 != "-" }) {
            throw ValidationError(
                "Unknown option '\(option)'. If it is an argument of the function, put it after '--'.")
        }
        return Array(head + leftover.dropFirst(head.count + 1))
    }

    /// `-1`, `-0x2c`, `-.5`, `-inf`, `-nan`.
    private static func startsLikeNumber(_ word: String) -> Bool {
        guard let first = word.dropFirst().unicodeScalars.first else { return false }
        return "0123456789.".unicodeScalars.contains(first) || Double(word) != nil
    }

    static func parse(_ words: [String], for export: GuestExport) throws(ToolError) -> [AnyGuestValue] {
        let types = export.signature.arguments
        guard words.count == types.count else {
            throw ToolError(
                .usage, kind: "wrongArgumentCount",
                "'\(Terminal.escaped(export.name))' is \(export.signature) and takes "
                    + "\(types.count) argument\(types.count == 1 ? "" : "s"); found \(words.count)"
                    + (words.isEmpty ? "." : ": \(words.map { "'\($0)'" }.joined(separator: " ")).")
                    + (types.contains(.string) ? " Quote a string that has spaces." : ""))
        }
        var values: [AnyGuestValue] = []
        for (index, (word, type)) in zip(words, types).enumerated() {
            values.append(try parse(word, as: type, position: index + 1, of: export))
        }
        return values
    }

    private static func parse(
        _ word: String, as type: GuestValueType, position: Int, of export: GuestExport
    ) throws(ToolError) -> AnyGuestValue {
        if let file = file(word, as: type) {
            let limit = SandboxConfiguration.mailboxRange.upperBound
            return .bytes(try InputFile.read(file, limit: limit))
        }
        do throws(SandboxError) {
            return try AnyGuestValue(parsing: word, as: type)
        } catch {
            throw ToolError(
                .usage, kind: "invalidValue",
                "Argument \(position) of '\(Terminal.escaped(export.name))' is \(type), written as "
                    + "\(form(of: type)); found '\(word)'.")
        }
    }

    /// The path, if the word is a file whose contents are the argument.
    static func file(_ word: String, as type: GuestValueType) -> String? {
        type == .bytes && word.utf8.first == UInt8(ascii: "@") ? String(word.unicodeScalars.dropFirst()) : nil
    }

    /// How a value of that type is written.
    private static func form(of type: GuestValueType) -> String {
        switch type {
        case .void: "()"
        case .bool: "true or false"
        case .int8: range(Int8.self)
        case .uint8: range(UInt8.self)
        case .int16: range(Int16.self)
        case .uint16: range(UInt16.self)
        case .int32: range(Int32.self)
        case .uint32: range(UInt32.self)
        case .int64: range(Int64.self)
        case .uint64: range(UInt64.self)
        case .float, .double: "a number such as -1.5 or 2e10"
        case .string: "text"
        case .bytes: "hexadecimal digits, two a byte, or @FILE"
        }
    }

    private static func range<Value: FixedWidthInteger>(_ type: Value.Type) -> String {
        "an integer from \(Value.min) to \(Value.max), decimal or with 0x, 0o or 0b"
    }
}
