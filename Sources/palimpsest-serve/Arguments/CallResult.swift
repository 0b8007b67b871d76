import Palimpsest
import ToolSupport

/// A result as JSON: what `CallArguments` reads back as the same value.
enum CallResult {
    static func json(_ value: AnyGuestValue) -> JSON {
        switch value {
        case .void: .null
        case .bool(let value): .bool(value)
        case .int8(let value): .integer(Int64(value))
        case .int16(let value): .integer(Int64(value))
        case .int32(let value): .integer(Int64(value))
        case .int64(let value): .integer(value)
        case .uint8(let value): .unsigned(UInt64(value))
        case .uint16(let value): .unsigned(UInt64(value))
        case .uint32(let value): .unsigned(UInt64(value))
        case .uint64(let value): .unsigned(value)
        // By way of its text: 0.1 stays 0.1, where its bits as a Double would be 0.10000000149011612.
        case .float(let value): number(Double(value.description) ?? Double(value))
        case .double(let value): number(value)
        case .string(let value): .string(value)
        case .bytes(let value): .string(Base64.text(value))
        }
    }

    private static func number(_ value: Double) -> JSON {
        if value.isFinite { return .number(value) }
        return .string(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
    }
}
