import GuestABI

extension AnyGuestValue {
    /// Reads a value as a person writes it: integers in decimal or with `0x`, `0o`, `0b`; `true` and `false`;
    /// bytes as hexadecimal digits, `0x` in front or not; strings as they are.
    /// - Throws: `SandboxError.invalidValue`
    public init(parsing text: String, as type: GuestValueType) throws(SandboxError) {
        let parsed: AnyGuestValue? =
            switch type {
            case .void: text.isEmpty || text == "()" ? .void : nil
            case .bool: Bool(text).map { .bool($0) }
            case .int8: AnyGuestValue.integer(text).map { .int8($0) }
            case .uint8: AnyGuestValue.integer(text).map { .uint8($0) }
            case .int16: AnyGuestValue.integer(text).map { .int16($0) }
            case .uint16: AnyGuestValue.integer(text).map { .uint16($0) }
            case .int32: AnyGuestValue.integer(text).map { .int32($0) }
            case .uint32: AnyGuestValue.integer(text).map { .uint32($0) }
            case .int64: AnyGuestValue.integer(text).map { .int64($0) }
            case .uint64: AnyGuestValue.integer(text).map { .uint64($0) }
            case .float: Float(text).map { .float($0) }
            case .double: Double(text).map { .double($0) }
            case .string: .string(text)
            case .bytes: HexadecimalBytes.parse(text).map { .bytes($0) }
            }
        guard let parsed else { throw .invalidValue(text: text, type: type) }
        self = parsed
    }

    private static func integer<Value: FixedWidthInteger>(_ text: String) -> Value? {
        let negative = text.hasPrefix("-")
        let digits = negative ? text.dropFirst() : text[...]
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
            let rest = digits.dropFirst(2)
            guard rest.first?.isHexDigit == true else { return nil }
            return Value((negative ? "-" : "") + rest, radix: radix)
        }
        return Value(text)
    }
}
