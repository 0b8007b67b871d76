import Palimpsest

/// Arguments as JSON, by a function's signature.
enum CallArguments {
    static func decode(_ value: JSONValue, as signature: GuestSignature) throws(ArgumentError) -> [AnyGuestValue] {
        guard case .array(let values) = value else { throw .notAnArray(found: value.excerpt) }
        let types = signature.arguments
        guard values.count == types.count else {
            throw .wrongCount(expected: types.count, found: values.count)
        }
        var arguments: [AnyGuestValue] = []
        arguments.reserveCapacity(types.count)
        for (index, (value, type)) in zip(values, types).enumerated() {
            arguments.append(try decode(value, as: type, position: index + 1))
        }
        return arguments
    }

    /// How a value of that type is written.
    static func form(of type: GuestValueType) -> String {
        switch type {
        case .void: "null"
        case .bool: "true or false"
        case .int8: range(Int8.self)
        case .uint8: range(UInt8.self)
        case .int16: range(Int16.self)
        case .uint16: range(UInt16.self)
        case .int32: range(Int32.self)
        case .uint32: range(UInt32.self)
        case .int64: range(Int64.self)
        case .uint64: range(UInt64.self)
        case .float, .double: "a number, or \"NaN\", \"Infinity\" or \"-Infinity\""
        case .string: "a string"
        case .bytes: "a string of base64 (RFC 4648 section 4, padded)"
        }
    }

    private static func range<Value: FixedWidthInteger>(_ type: Value.Type) -> String {
        "an integer from \(Value.min) to \(Value.max), without fraction and exponent"
    }

    private static func decode(
        _ value: JSONValue, as type: GuestValueType, position: Int
    ) throws(ArgumentError) -> AnyGuestValue {
        let decoded: AnyGuestValue? =
            switch (type, value) {
            case (.void, .null): .void
            case (.bool, .bool(let value)): .bool(value)
            case (.string, .string(let text)): .string(text)
            case (.bytes, .string(let text)): Base64.bytes(text).map { .bytes($0) }
            case (.float, .string(let text)): special(text).map { .float(Float($0)) }
            case (.double, .string(let text)): special(text).map { .double($0) }
            case (_, .number(let text)): try number(text, as: type, position)
            default: nil
            }
        guard let decoded else { throw .wrongType(position: position, type: type, found: value.excerpt) }
        return decoded
    }

    /// Nil if numbers are not what the type takes.
    private static func number(
        _ text: String, as type: GuestValueType, _ position: Int
    ) throws(ArgumentError) -> AnyGuestValue? {
        let value: AnyGuestValue?
        switch type {
        case .void, .bool, .string, .bytes: return nil
        case .float: value = Float(text).flatMap { $0.isFinite ? .float($0) : nil }
        case .double: value = Double(text).flatMap { $0.isFinite ? .double($0) : nil }
        default:
            // 1.0 and 1e3 are refused rather than rounded: an integer's digits are all there or it is none.
            guard
                text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || $0 <= UInt8(ascii: "9") && $0 >= UInt8(ascii: "0") })
            else { return nil }
            value = integer(text, as: type)
        }
        guard let value else {
            throw .outOfRange(position: position, type: type, found: JSONValue.number(text).excerpt)
        }
        return value
    }

    private static func integer(_ text: String, as type: GuestValueType) -> AnyGuestValue? {
        switch type {
        case .int8: Int8(text).map { .int8($0) }
        case .uint8: UInt8(text).map { .uint8($0) }
        case .int16: Int16(text).map { .int16($0) }
        case .uint16: UInt16(text).map { .uint16($0) }
        case .int32: Int32(text).map { .int32($0) }
        case .uint32: UInt32(text).map { .uint32($0) }
        case .int64: Int64(text).map { .int64($0) }
        case .uint64: UInt64(text).map { .uint64($0) }
        default: nil
        }
    }

    /// What JSON has no number for, written as ProtoJSON does.
    private static func special(_ text: String) -> Double? {
        switch text {
        case "NaN": .nan
        case "Infinity": .infinity
        case "-Infinity": -.infinity
        default: nil
        }
    }
}
