/// A value a guest left behind: up to two words, and the guest memory they may point into.
public struct GuestValueDecoder {
    /// The integer, or the address of a string's or array's bytes.
    @usableFromInline let first: UInt64
    /// The count of bytes at `first`.
    @usableFromInline let second: UInt64
    /// The bits of a floating-point value.
    @usableFromInline let floatingPoint: UInt64
    private let sandbox: Sandbox
    private let function: String

    init(first: UInt64, second: UInt64, floatingPoint: UInt64, sandbox: Sandbox, function: String) {
        self.first = first
        self.second = second
        self.floatingPoint = floatingPoint
        self.sandbox = sandbox
        self.function = function
    }

    /// The length is checked first: it is the guest's.
    private func checkedSpan() throws(SandboxError) -> GuestSpan {
        let limit = sandbox.mailboxDataByteCount
        let span = GuestSpan(address: first, byteCount: second)
        guard span.byteCount.count(upTo: limit) != nil else {
            throw .valueTooLarge(function: function, byteCount: second, limit: limit)
        }
        return span
    }

    @usableFromInline func byteArray() throws(SandboxError) -> [UInt8] {
        let span = try checkedSpan()
        do throws(AddressSpace.InvalidRange) {
            return try sandbox.machine.memory.bytes(span)
        } catch {
            throw invalidPointer(error)
        }
    }

    @usableFromInline func string() throws(SandboxError) -> String {
        let span = try checkedSpan()
        if span.byteCount == 0 { return "" }
        let text: String?
        do throws(AddressSpace.InvalidRange) {
            // A guest in residence may be writing meanwhile: only a copy can be looked at twice.
            if sandbox.resident == nil, let piece = try sandbox.machine.memory.contiguous(span) {
                text = String(validating: piece, as: UTF8.self)
            } else {
                text = String(validating: try sandbox.machine.memory.bytes(span), as: UTF8.self)
            }
        } catch {
            throw invalidPointer(error)
        }
        guard let text else { throw .invalidUTF8(function: function) }
        return text
    }

    /// A guest that lies about pointers has broken the ABI.
    private func invalidPointer(_ range: AddressSpace.InvalidRange) -> SandboxError {
        sandbox.status = .poisoned
        return .invalidPointer(function: function, address: range.address, byteCount: range.byteCount)
    }
}
