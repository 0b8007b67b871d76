import FoundationEssentials

/// The JSON of a store: read with a name for what is wrong, written so that equal values give equal bytes.
enum JSONFile {
    /// - Throws: `SnapshotStoreError.invalid`, naming the field.
    static func decode<Value: Decodable>(
        _ type: Value.Type, from bytes: [UInt8], path: String
    ) throws(SnapshotStoreError) -> Value {
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
