import MicroVM

/// A value whose type is known at run time only: for tools that call by signature.
public enum AnyGuestValue: Sendable, Hashable {
    case void
    case bool(Bool)
    case int8(Int8)
    case uint8(UInt8)
    case int16(Int16)
    case uint16(UInt16)
    case int32(Int32)
    case uint32(UInt32)
    case int64(Int64)
    case uint64(UInt64)
    case float(Float)
    case double(Double)
    case string(String)
    case bytes([UInt8])

    /// The value inside; nil for `void`.
    private var value: (any GuestValue)? {
        switch self {
        case .void: nil
        case .bool(let value): value
        case .int8(let value): value
        case .uint8(let value): value
        case .int16(let value): value
        case .uint16(let value): value
        case .int32(let value): value
        case .uint32(let value): value
        case .int64(let value): value
        case .uint64(let value): value
        case .float(let value): value
        case .double(let value): value
        case .string(let value): value
        case .bytes(let value): value
        }
    }

    public var type: GuestValueType { value.map { Swift.type(of: $0).guestType } ?? .void }

    package func encode(into encoder: inout GuestValueEncoder) { value?.encode(into: &encoder) }

    package static func decode(
        _ type: GuestValueType, from decoder: GuestValueDecoder
    ) throws(GuestValueError) -> AnyGuestValue {
        switch type {
        case .void: .void
        case .bool: .bool(try .decode(from: decoder))
        case .int8: .int8(try .decode(from: decoder))
        case .uint8: .uint8(try .decode(from: decoder))
        case .int16: .int16(try .decode(from: decoder))
        case .uint16: .uint16(try .decode(from: decoder))
        case .int32: .int32(try .decode(from: decoder))
        case .uint32: .uint32(try .decode(from: decoder))
        case .int64: .int64(try .decode(from: decoder))
        case .uint64: .uint64(try .decode(from: decoder))
        case .float: .float(try .decode(from: decoder))
        case .double: .double(try .decode(from: decoder))
        case .string: .string(try .decode(from: decoder))
        case .bytes: .bytes(try .decode(from: decoder))
        }
    }
}

extension AnyGuestValue: CustomStringConvertible {
    /// Byte arrays as lower-case hexadecimal digits, the rest as Swift prints it.
    public var description: String {
        if case .bytes(let bytes) = self { return HexadecimalBytes.text(bytes) }
        return value.map { "\($0)" } ?? "()"
    }
}
