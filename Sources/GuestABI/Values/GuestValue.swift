import MicroVM

/// A type whose values can be arguments and results of guest and host functions.
///
/// Conforming types are fixed by the ABI: the fixed-width integers, `Int`, `UInt`, `Float`, `Double`, `Bool`,
/// `String` and `[UInt8]`.
public protocol GuestValue: Sendable {
    static var guestType: GuestValueType { get }
    func encode(into encoder: inout GuestValueEncoder)
    static func decode(from decoder: GuestValueDecoder) throws(GuestValueError) -> Self
}

extension GuestValue where Self: FixedWidthInteger & SignedInteger {
    @inlinable public func encode(into encoder: inout GuestValueEncoder) {
        // Sign-extended to 64 bits: System V callees may rely on 32 of them.
        encoder.integer(UInt64(bitPattern: Int64(self)))
    }
    @inlinable public static func decode(from decoder: GuestValueDecoder) throws(GuestValueError) -> Self {
        Self(truncatingIfNeeded: decoder.first)
    }
}

extension GuestValue where Self: FixedWidthInteger & UnsignedInteger {
    @inlinable public func encode(into encoder: inout GuestValueEncoder) { encoder.integer(UInt64(self)) }
    @inlinable public static func decode(from decoder: GuestValueDecoder) throws(GuestValueError) -> Self {
        Self(truncatingIfNeeded: decoder.first)
    }
}

extension Int8: GuestValue { @inlinable public static var guestType: GuestValueType { .int8 } }
extension Int16: GuestValue { @inlinable public static var guestType: GuestValueType { .int16 } }
extension Int32: GuestValue { @inlinable public static var guestType: GuestValueType { .int32 } }
extension Int64: GuestValue { @inlinable public static var guestType: GuestValueType { .int64 } }
extension Int: GuestValue { @inlinable public static var guestType: GuestValueType { .int64 } }
extension UInt8: GuestValue { @inlinable public static var guestType: GuestValueType { .uint8 } }
extension UInt16: GuestValue { @inlinable public static var guestType: GuestValueType { .uint16 } }
extension UInt32: GuestValue { @inlinable public static var guestType: GuestValueType { .uint32 } }
extension UInt64: GuestValue { @inlinable public static var guestType: GuestValueType { .uint64 } }
extension UInt: GuestValue { @inlinable public static var guestType: GuestValueType { .uint64 } }

extension Bool: GuestValue {
    @inlinable public static var guestType: GuestValueType { .bool }
    @inlinable public func encode(into encoder: inout GuestValueEncoder) { encoder.integer(self ? 1 : 0) }
    /// Any nonzero low byte is true: the guest may have left anything there.
    @inlinable public static func decode(from decoder: GuestValueDecoder) throws(GuestValueError) -> Bool {
        UInt8(truncatingIfNeeded: decoder.first) != 0
    }
}

extension Float: GuestValue {
    @inlinable public static var guestType: GuestValueType { .float }
    @inlinable public func encode(into encoder: inout GuestValueEncoder) {
        encoder.floatingPoint(UInt64(bitPattern))
    }
    @inlinable public static func decode(from decoder: GuestValueDecoder) throws(GuestValueError) -> Float {
        Float(bitPattern: UInt32(truncatingIfNeeded: decoder.floatingPoint))
    }
}

extension Double: GuestValue {
    @inlinable public static var guestType: GuestValueType { .double }
    @inlinable public func encode(into encoder: inout GuestValueEncoder) { encoder.floatingPoint(bitPattern) }
    @inlinable public static func decode(from decoder: GuestValueDecoder) throws(GuestValueError) -> Double {
        Double(bitPattern: decoder.floatingPoint)
    }
}

extension String: GuestValue {
    @inlinable public static var guestType: GuestValueType { .string }
    @inlinable public func encode(into encoder: inout GuestValueEncoder) {
        var copy = self
        copy.withUTF8 { encoder.bytes(UnsafeRawBufferPointer($0)) }
    }
    @inlinable public static func decode(from decoder: GuestValueDecoder) throws(GuestValueError) -> String {
        try decoder.string()
    }
}

extension [UInt8]: GuestValue {
    @inlinable public static var guestType: GuestValueType { .bytes }
    @inlinable public func encode(into encoder: inout GuestValueEncoder) {
        withUnsafeBytes { encoder.bytes($0) }
    }
    @inlinable public static func decode(from decoder: GuestValueDecoder) throws(GuestValueError) -> [UInt8] {
        try decoder.byteArray()
    }
}
