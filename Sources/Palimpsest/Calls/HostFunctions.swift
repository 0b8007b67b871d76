import CPalimpsest
import GuestABI

/// The functions of the embedder's that guests may call: all they can reach of the host.
///
///     var host = HostFunctions()
///     try host.register("lookUp") { (key: String) -> String in try database.value(key) }
///
/// **Deadlines and interrupts** stop guests, not host functions: one that runs at that time runs to its end, and its
/// guest is stopped when it returns. Who called a `Sandbox` waits for it; who called a `SandboxPool` is answered
/// without it. What the function does notice is the signal that stops guests: sent once, to its thread, without
/// `SA_RESTART`, so that a system call that it waits in can fail with `EINTR`, or sleep for less than it was to, and is
/// to be repeated (signal(7)).
public struct HostFunctions: Sendable {
    package private(set) var functions: [HostFunction] = []

    public init() {}

    /// Offers `body` to guests as `name`.
    ///
    /// `body` runs on the caller's thread, in the middle of `Sandbox.call`. Its arguments are copies. What it throws
    /// becomes an error the guest can handle; unhandled, it comes back out of `call` as `SandboxError.hostFunction`.
    /// - Parameter name: 1 to 255 bytes of UTF-8, not registered yet.
    /// - Parameter body: what runs when the guest calls the function.
    /// - Throws: `SandboxError.invalidHostFunction` for a bad name or more than 12 arguments.
    public mutating func register<Result: GuestValue, each Argument: GuestValue>(
        _ name: String, _ body: @escaping @Sendable (repeat each Argument) throws -> Result
    ) throws(SandboxError) {
        var arguments: [GuestValueType] = []
        repeat arguments.append((each Argument).guestType)
        try add(name, GuestSignature(result: Result.guestType, arguments: arguments)) { call in
            let result = try body(repeat try call.next((each Argument).self))
            result.encode(into: &call.encoder)
        }
    }

    /// Offers a `body` without result to guests as `name`.
    public mutating func register<each Argument: GuestValue>(
        _ name: String, _ body: @escaping @Sendable (repeat each Argument) throws -> Void
    ) throws(SandboxError) {
        var arguments: [GuestValueType] = []
        repeat arguments.append((each Argument).guestType)
        try add(name, GuestSignature(result: .void, arguments: arguments)) { call in
            try body(repeat try call.next((each Argument).self))
        }
    }

    private mutating func add(
        _ name: String, _ signature: GuestSignature, _ body: @escaping @Sendable (inout HostCall) throws -> Void
    ) throws(SandboxError) {
        let length = name.utf8.count
        guard (1...Int(PAL_MAX_NAME_BYTES)).contains(length) else {
            throw .invalidHostFunction(
                name: name, reason: "its name has \(length) bytes; expected 1 to \(PAL_MAX_NAME_BYTES)")
        }
        guard signature.arguments.count <= GuestSignature.maximumArgumentCount else {
            throw .invalidHostFunction(
                name: name,
                reason: "it takes \(signature.arguments.count) arguments; at most "
                    + "\(GuestSignature.maximumArgumentCount) are possible")
        }
        guard !functions.contains(where: { $0.name.hasBytes(of: name) }) else {
            throw .invalidHostFunction(name: name, reason: "the name is taken")
        }
        functions.append(HostFunction(name: name, signature: signature, body: body))
    }

    /// The function whose name is these bytes. Allocates nothing.
    func find(_ name: UnsafeRawBufferPointer) -> HostFunction? {
        functions.first { $0.matches(name) }
    }

    /// - Throws: `SandboxError.hostFunctionRequired` for the first that is missing or has another signature.
    package func check(_ required: [HostFunctionRequirement]) throws(SandboxError) {
        for wanted in required {
            let found = functions.first { $0.name.hasBytes(of: wanted.name) }?.signature
            guard found == wanted.signature else {
                throw .hostFunctionRequired(name: wanted.name, expected: wanted.signature, found: found)
            }
        }
    }

    /// Names, in the order of registration.
    public var names: [String] { functions.map(\.name) }
}

/// One registered function.
package struct HostFunction: Sendable {
    package let name: String
    package let signature: GuestSignature
    package let codes: [UInt8]
    package let body: @Sendable (inout HostCall) throws -> Void
    private let nameBytes: [UInt8]

    package init(name: String, signature: GuestSignature, body: @escaping @Sendable (inout HostCall) throws -> Void) {
        self.name = name
        self.signature = signature
        self.body = body
        codes = signature.codes
        nameBytes = Array(name.utf8)
    }

    func matches(_ name: UnsafeRawBufferPointer) -> Bool {
        nameBytes.count == name.count && nameBytes.elementsEqual(name)
    }
}
