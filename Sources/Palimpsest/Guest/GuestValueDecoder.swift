/// A value a guest left behind: up to two words, and the guest memory they may point into.
public struct GuestValueDecoder {
    /// The integer, or the address of a string's or array's bytes.
    @usableFromInline let first: UInt64
    /// The count of bytes at `first`.
    @usableFromInline let second: UInt64
    /// The bits of a floating-point value.
    @usableFromInline let floatingPoint: UInt64
    private let memory: AddressSpace
    private let byteLimit: Int
    private let function: String

    init(
        first: UInt64, second: UInt64, floatingPoint: UInt64, memory: AddressSpace, byteLimit: Int, function: String
    ) {
        self.first = first
        self.second = second
        self.floatingPoint = floatingPoint
        self.memory = memory
        self.byteLimit = byteLimit
        self.function = function
    }

    private func checkedSpan() throws(SandboxError) -> GuestSpan {
        guard second <= UInt64(byteLimit) else {
            throw .valueTooLarge(function: function, byteCount: second, limit: byteLimit)
        }
        return GuestSpan(address: first, byteCount: second)
    }

    @usableFromInline func byteArray() throws(SandboxError) -> [UInt8] {
        let span = try checkedSpan()
        do throws(AddressSpace.InvalidRange) {
            return try memory.bytes(span)
        } catch {
            throw .invalidPointer(function: function, address: error.address, byteCount: error.byteCount)
        }
    }

    @usableFromInline func string() throws(SandboxError) -> String {
        let span = try checkedSpan()
        if span.byteCount == 0 { return "" }
        let text: String?
        do throws(AddressSpace.InvalidRange) {
            if let piece = try memory.contiguous(span) {
                text = String(validating: piece, as: UTF8.self)
            } else {
                text = String(validating: try memory.bytes(span), as: UTF8.self)
            }
        } catch {
            throw .invalidPointer(function: function, address: error.address, byteCount: error.byteCount)
        }
        guard let text else { throw .invalidUTF8(function: function) }
        return text
    }
}
