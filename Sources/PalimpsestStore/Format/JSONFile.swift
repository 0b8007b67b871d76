import FoundationEssentials
import GuestABI

/// The JSON of a store: read with a name for what is wrong, written so that equal values give equal bytes.
enum JSONFile {
    /// - Parameter valueLimit: more than so many values are not looked at: to count them costs a look at each byte,
    ///   where a decoder makes something of each.
    /// - Throws: `SnapshotStoreError.invalid`, naming the field.
    static func decode<Value: Decodable>(
        _ type: Value.Type, from bytes: [UInt8], path: String, valueLimit: Int
    ) throws(SnapshotStoreError) -> Value {
        guard hasValues(bytes, upTo: valueLimit) else {
            throw .invalid(path: path, field: "", reason: "it has more than \(valueLimit) values")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch let error as DecodingError {
            throw invalid(error, path)
        } catch {
            throw .invalid(path: path, field: "", reason: "it is no JSON")
        }
    }

    static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Fails for numbers that are not finite, of which there are none.
        return (try? encoder.encode(value)).map(Array.init) ?? []
    }

    /// Whether the JSON, if it is such, has no more values and names than `limit`: each begins behind one of `[{,:`,
    /// but for the first. Allocates nothing.
    private static func hasValues(_ bytes: [UInt8], upTo limit: Int) -> Bool {
        var count = 1
        var isInString = false
        var isEscaped = false
        for byte in bytes {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\"") {
                isInString.toggle()
            } else if isInString {
                isEscaped = byte == UInt8(ascii: "\\")
            } else if byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":") || byte | 0x20 == UInt8(ascii: "{") {
                count += 1
                if count > limit { return false }
            }
        }
        return true
    }

    private static func invalid(_ error: DecodingError, _ path: String) -> SnapshotStoreError {
        switch error {
        case .keyNotFound(let key, let context):
            .invalid(path: path, field: field(context.codingPath + [key]), reason: "it is missing")
        case .typeMismatch(_, let context):
            .invalid(path: path, field: field(context.codingPath), reason: "it is of the wrong type")
        case .valueNotFound(_, let context):
            .invalid(path: path, field: field(context.codingPath), reason: "it is null")
        case .dataCorrupted(let context):
            .invalid(
                path: path, field: field(context.codingPath),
                reason: context.codingPath.isEmpty ? "it is no JSON" : GuestText.escaped(context.debugDescription))
        @unknown default: .invalid(path: path, field: "", reason: "it is no JSON")
        }
    }

    /// `layers[2].digest`.
    private static func field(_ path: [any CodingKey]) -> String {
        path.reduce("") { text, key in
            if let index = key.intValue { return text + "[\(index)]" }
            return (text.isEmpty ? "" : text + ".") + GuestText.escaped(key.stringValue)
        }
    }
}
