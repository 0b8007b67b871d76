import CPalimpsest
import GuestABI
import MicroVM

/// One call of a host function: its arguments, copied out of the mailbox once, and where the result goes.
package struct HostCall {
    /// An argument that is not what the guest says it is: ends the guest's call, not the host function's business.
    struct Violation: Error {
        let error: GuestValueError
    }

    package var encoder: GuestValueEncoder
    private let request: pal_host_call
    private let memory: AddressSpace
    private let byteLimit: Int
    private let mayChange: Bool
    private var index = 0

    init(
        _ request: pal_host_call, encoder: GuestValueEncoder, memory: AddressSpace, byteLimit: Int, mayChange: Bool
    ) {
        self.request = request
        self.encoder = encoder
        self.memory = memory
        self.byteLimit = byteLimit
        self.mayChange = mayChange
    }

    /// The next argument. The signature has been checked: there is one, and it is a `Value`.
    mutating func next<Value: GuestValue>(_ type: Value.Type) throws(Violation) -> Value {
        let span = withUnsafeBytes(of: request.arguments) {
            $0.loadUnaligned(fromByteOffset: index * MemoryLayout<pal_span>.stride, as: pal_span.self)
        }
        index += 1
        let decoder = GuestValueDecoder(
            first: span.address, second: span.count, floatingPoint: span.address, memory: memory, byteLimit: byteLimit,
            mayChange: mayChange)
        do throws(GuestValueError) {
            return try Value.decode(from: decoder)
        } catch {
            throw Violation(error: error)
        }
    }
}
