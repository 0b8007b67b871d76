import CPalimpsest
import MicroVM

/// The types that cross the border between host and guest. The raw value is the ABI's character for it.
public enum GuestValueType: UInt8, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    case void = 0x76  // 'v'
    case bool = 0x62  // 'b'
    case int8 = 0x63  // 'c'
    case uint8 = 0x43  // 'C'
    case int16 = 0x73  // 's'
    case uint16 = 0x53  // 'S'
    case int32 = 0x69  // 'i'
    case uint32 = 0x49  // 'I'
    case int64 = 0x6c  // 'l'
    case uint64 = 0x4c  // 'L'
    case float = 0x66  // 'f'
    case double = 0x64  // 'd'
    case string = 0x74  // 't'
    case bytes = 0x79  // 'y'

    /// As Swift writes the type.
    public var description: String {
        switch self {
        case .void: "Void"
        case .bool: "Bool"
        case .int8: "Int8"
        case .uint8: "UInt8"
        case .int16: "Int16"
        case .uint16: "UInt16"
        case .int32: "Int32"
        case .uint32: "UInt32"
        case .int64: "Int64"
        case .uint64: "UInt64"
        case .float: "Float"
        case .double: "Double"
        case .string: "String"
        case .bytes: "[UInt8]"
        }
    }
}
