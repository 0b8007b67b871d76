import MicroVM

/// A value a guest left behind: up to two words, and the guest memory they may point into.
public struct GuestValueDecoder {
    /// The integer, or the address of a string's or array's bytes.
    @usableFromInline package let first: UInt64
    /// The count of bytes at `first`.
    @usableFromInline package let second: UInt64
    /// The bits of a floating-point value.
    @usableFromInline package let floatingPoint: UInt64
    @usableFromInline let memory: AddressSpace
    /// The largest string or array that is accepted.
    @usableFromInline let byteLimit: Int
    /// Whether the guest may be writing while its value is read.
    @usableFromInline let mayChange: Bool

    @inlinable
    package init(
        first: UInt64, second: UInt64, floatingPoint: UInt64, memory: AddressSpace, byteLimit: Int, mayChange: Bool
    ) {
        self.first = first
        self.second = second
        self.floatingPoint = floatingPoint
        self.memory = memory
        self.byteLimit = byteLimit
        self.mayChange = mayChange
    }

    /// The length is checked first: it is the guest's.
    private func checkedSpan() throws(GuestValueError) -> GuestSpan {
        let span = GuestSpan(address: first, byteCount: second)
        guard span.byteCount.count(upTo: byteLimit) != nil else {
            throw .tooLarge(byteCount: second, limit: byteLimit)
        }
        return span
    }

    @usableFromInline func byteArray() throws(GuestValueError) -> [UInt8] {
        let span = try checkedSpan()
        do throws(AddressSpace.InvalidRange) {
            return try memory.bytes(span)
        } catch {
            throw .invalidPointer(address: error.address, byteCount: error.byteCount)
        }
    }

    @usableFromInline package func string() throws(GuestValueError) -> String {
        let span = try checkedSpan()
        if span.byteCount == 0 { return "" }
        let text: String?
        do throws(AddressSpace.InvalidRange) {
            // Only a copy can be looked at twice.
            if !mayChange, let piece = try memory.contiguous(span) {
                text = String(validating: piece, as: UTF8.self)
            } else {
                text = String(validating: try memory.bytes(span), as: UTF8.self)
            }
        } catch {
            throw .invalidPointer(address: error.address, byteCount: error.byteCount)
        }
        guard let text else { throw .invalidUTF8 }
        return text
    }
}
