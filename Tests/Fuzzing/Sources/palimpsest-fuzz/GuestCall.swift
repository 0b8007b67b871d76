@testable import GuestABI
@testable import MicroVM
@testable import Palimpsest

/// A call of an export with arguments that fit it.
struct GuestCall: CustomStringConvertible {
    let export: GuestExport
    let arguments: [AnyGuestValue]

    init(_ export: GuestExport, _ random: inout SplitMix) {
        self.export = export
        arguments = export.signature.arguments.map { GuestCall.value($0, &random) }
    }

    var description: String { "\(export.name)(\(arguments.map(\.description).joined(separator: ", ")))" }

    /// Numbers that are boundaries, addresses of the layout, or small.
    private static func value(_ type: GuestValueType, _ random: inout SplitMix) -> AnyGuestValue {
        let places = [
            GuestLayout.imageStart, GuestLayout.entry, GuestLayout.constants, GuestLayout.mailbox, GuestLayout.stackTop,
            GuestLayout.heap, GuestLayout.userEnd,
        ]
        let number: UInt64 =
            switch random.next() % 4 {
            case 0: random.next() % 64
            case 1: (places.randomElement(using: &random)?.rawValue ?? 0) &+ random.next() % 32 &- 16
            default: Boundary.value(&random)
            }
        return value(type, number)
    }

    private static func value(_ type: GuestValueType, _ number: UInt64) -> AnyGuestValue {
        let bytes = (0..<number % 300).map { UInt8(truncatingIfNeeded: $0 &* number) }
        return switch type {
        case .void: .void
        case .bool: .bool(number % 2 == 1)
        case .int8: .int8(Int8(truncatingIfNeeded: number))
        case .uint8: .uint8(UInt8(truncatingIfNeeded: number))
        case .int16: .int16(Int16(truncatingIfNeeded: number))
        case .uint16: .uint16(UInt16(truncatingIfNeeded: number))
        case .int32: .int32(Int32(truncatingIfNeeded: number))
        case .uint32: .uint32(UInt32(truncatingIfNeeded: number))
        case .int64: .int64(Int64(truncatingIfNeeded: number))
        case .uint64: .uint64(number)
        case .float: .float(Float(bitPattern: UInt32(truncatingIfNeeded: number)))
        case .double: .double(Double(bitPattern: number))
        case .string: .string(String(decoding: bytes, as: UTF8.self))
        case .bytes: .bytes(bytes)
        }
    }
}
