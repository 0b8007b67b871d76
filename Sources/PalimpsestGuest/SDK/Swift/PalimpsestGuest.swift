// The Palimpsest guest SDK for Embedded Swift. Compiled into the guest's own module: nothing to import.
//
//     export("sayHello") { (name: String) -> String in "Hello, \(name)!" }

import CPalimpsestGuest

// MARK: - Values

/// A type that crosses the border to the host: the fixed-width integers, `Int`, `UInt`, `Float`, `Double`, `Bool`,
/// `String`, `[UInt8]`.
public protocol GuestValue {
    /// The ABI's character for the type.
    static var code: UInt8 { get }
    /// Takes the next argument of a call.
    static func read(_ arguments: inout Arguments) -> Self
    /// Puts a result where the caller looks for it.
    func write(to result: UnsafeMutablePointer<UInt64>)
    /// As the argument of a host call; what it points to lives until `free`d by the caller.
    var span: pal_span { get }
    /// From the result of a host call.
    init(_ span: pal_span)
}

/// The arguments of a call, as the System V ABI lays them out.
public struct Arguments {
    private let call = UnsafeMutableRawPointer(bitPattern: UInt(PAL_MAILBOX_ADDRESS))!
    private var integerCount = 0
    private var floatCount = 0
    private var stackCount = 0

    private func word(_ offset: Int32, _ index: Int) -> UInt64 {
        call.load(fromByteOffset: Int(offset) + index * 8, as: UInt64.self)
    }

    private mutating func stackWord() -> UInt64 {
        defer { stackCount += 1 }
        return word(PAL_OFFSET_STACK, stackCount)
    }

    mutating func integer() -> UInt64 {
        guard integerCount < 6 else { return stackWord() }
        defer { integerCount += 1 }
        return word(PAL_OFFSET_INTEGERS, integerCount)
    }

    mutating func floatingPoint() -> UInt64 {
        guard floatCount < 8 else { return stackWord() }
        defer { floatCount += 1 }
        return word(PAL_OFFSET_FLOATS, floatCount)
    }

    /// Two registers if two are left, else two words of stack.
    mutating func bytes() -> UnsafeBufferPointer<UInt8> {
        let address: UInt64
        let count: UInt64
        if integerCount <= 4 {
            address = integer()
            count = integer()
        } else {
            address = stackWord()
            count = stackWord()
        }
        return UnsafeBufferPointer(start: UnsafePointer(bitPattern: UInt(address)), count: Int(count))
    }
}

extension GuestValue where Self: FixedWidthInteger {
    public static func read(_ arguments: inout Arguments) -> Self { Self(truncatingIfNeeded: arguments.integer()) }
    public func write(to result: UnsafeMutablePointer<UInt64>) { result[0] = UInt64(truncatingIfNeeded: self) }
    public var span: pal_span { pal_span(address: UInt64(truncatingIfNeeded: self), count: 0) }
    public init(_ span: pal_span) { self.init(truncatingIfNeeded: span.address) }
}

extension Int8: GuestValue { public static var code: UInt8 { 0x63 } }
extension Int16: GuestValue { public static var code: UInt8 { 0x73 } }
extension Int32: GuestValue { public static var code: UInt8 { 0x69 } }
extension Int64: GuestValue { public static var code: UInt8 { 0x6c } }
extension Int: GuestValue { public static var code: UInt8 { 0x6c } }
extension UInt8: GuestValue { public static var code: UInt8 { 0x43 } }
extension UInt16: GuestValue { public static var code: UInt8 { 0x53 } }
extension UInt32: GuestValue { public static var code: UInt8 { 0x49 } }
extension UInt64: GuestValue { public static var code: UInt8 { 0x4c } }
extension UInt: GuestValue { public static var code: UInt8 { 0x4c } }

extension Bool: GuestValue {
    public static var code: UInt8 { 0x62 }
    public static func read(_ arguments: inout Arguments) -> Bool {
        UInt8(truncatingIfNeeded: arguments.integer()) != 0
    }
    public func write(to result: UnsafeMutablePointer<UInt64>) { result[0] = self ? 1 : 0 }
    public var span: pal_span { pal_span(address: self ? 1 : 0, count: 0) }
    public init(_ span: pal_span) { self = UInt8(truncatingIfNeeded: span.address) != 0 }
}

extension Float: GuestValue {
    public static var code: UInt8 { 0x66 }
    public static func read(_ arguments: inout Arguments) -> Float {
        Float(bitPattern: UInt32(truncatingIfNeeded: arguments.floatingPoint()))
    }
    public func write(to result: UnsafeMutablePointer<UInt64>) { result[2] = UInt64(bitPattern) }
    public var span: pal_span { pal_span(address: UInt64(bitPattern), count: 0) }
    public init(_ span: pal_span) { self.init(bitPattern: UInt32(truncatingIfNeeded: span.address)) }
}

extension Double: GuestValue {
    public static var code: UInt8 { 0x64 }
    public static func read(_ arguments: inout Arguments) -> Double { Double(bitPattern: arguments.floatingPoint()) }
    public func write(to result: UnsafeMutablePointer<UInt64>) { result[2] = bitPattern }
    public var span: pal_span { pal_span(address: bitPattern, count: 0) }
    public init(_ span: pal_span) { self.init(bitPattern: span.address) }
}

extension String: GuestValue {
    public static var code: UInt8 { 0x74 }
    public static func read(_ arguments: inout Arguments) -> String {
        String(decoding: arguments.bytes(), as: UTF8.self)
    }
    public func write(to result: UnsafeMutablePointer<UInt64>) { Array(utf8).write(to: result) }
    public var span: pal_span { Array(utf8).span }
    public init(_ span: pal_span) { self.init(decoding: buffer(span), as: UTF8.self) }
}

extension [UInt8]: GuestValue {
    public static var code: UInt8 { 0x79 }
    public static func read(_ arguments: inout Arguments) -> [UInt8] { Array(arguments.bytes()) }
    /// The host reads a result after the call has returned: it is kept until the next one.
    public func write(to result: UnsafeMutablePointer<UInt64>) {
        keptResult = self
        keptResult.withUnsafeBufferPointer {
            result[0] = UInt64(UInt(bitPattern: $0.baseAddress))
            result[1] = UInt64($0.count)
        }
    }
    public var span: pal_span {
        keptArguments.append(self)
        return keptArguments[keptArguments.count - 1].withUnsafeBufferPointer {
            pal_span(address: UInt64(UInt(bitPattern: $0.baseAddress)), count: UInt64($0.count))
        }
    }
    public init(_ span: pal_span) { self.init(buffer(span)) }
}

private func buffer(_ span: pal_span) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: UnsafePointer(bitPattern: UInt(span.address)), count: Int(span.count))
}

nonisolated(unsafe) private var keptResult: [UInt8] = []
nonisolated(unsafe) private var keptArguments: [[UInt8]] = []
nonisolated(unsafe) private var keptMessage: [UInt8] = []

// MARK: - Errors

/// An error an exported function may throw, and how the host learns of it.
public protocol GuestFailure: Error {
    func report()
}

extension Never: GuestFailure {
    public func report() {}
}

/// Reaches the host as `SandboxError.guestError`.
public struct GuestError: GuestFailure {
    public let message: String
    public let code: UInt32

    public init(_ message: String, code: UInt32 = 0) {
        self.message = message
        self.code = code
    }

    public func report() {
        keptMessage = Array(message.utf8)
        keptMessage.withUnsafeBufferPointer { pal_fail(text($0), code) }
    }
}

/// A host function failed. Thrown out of an exported function, it gives the host's caller the host's own error.
public struct HostError: GuestFailure {
    public enum Reason: UInt32, Sendable {
        case threw = 1
        case notFound, signatureMismatch, resultTooLarge
    }

    public let reason: Reason
    public let message: String

    public func report() { pal_mailbox().pointee.call.status = UInt32(PAL_CALL_HOST_ERROR) }
}

private func text(_ bytes: UnsafeBufferPointer<UInt8>) -> pal_string {
    pal_string(data: UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self), count: bytes.count)
}

// MARK: - Exports

/// The ABI's character for no result.
let voidCode: UInt8 = 0x76

typealias Handler = (UnsafeMutablePointer<UInt64>) -> Void
nonisolated(unsafe) private var handlers: [Handler] = []
nonisolated(unsafe) private var signatures: [[UInt8]] = []

func register(_ name: StaticString, _ codes: [UInt8], _ handler: @escaping Handler) {
    handlers.append(handler)
    // The host reads name and signature when all is registered: they stay for good.
    let signature = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: codes.count)
    _ = signature.initialize(from: codes)
    let name = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    _ = pal_register_export(
        text(name), text(UnsafeBufferPointer(signature)), pal_swift_dispatch_address(), UInt64(handlers.count - 1))
}

/// What `pal_swift_dispatch` calls: the handler whose number was registered as the export's context.
@c(pal_swift_call)
public func palSwiftCall(_ result: UnsafeMutablePointer<UInt64>) {
    keptArguments.removeAll(keepingCapacity: true)
    handlers[Int(truncatingIfNeeded: pal_mailbox().pointee.call.context)](result)
}

// MARK: - Host functions

func callHost(_ name: StaticString, codes: [UInt8], _ spans: [pal_span]) throws(HostError) -> pal_span {
    var result = pal_span(address: 0, count: 0)
    let name = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    let status = codes.withUnsafeBufferPointer { codes in
        spans.withUnsafeBufferPointer { pal_call_host(text(name), text(codes), $0.baseAddress, &result) }
    }
    keptArguments.removeAll(keepingCapacity: true)
    if let reason = HostError.Reason(rawValue: status) {
        throw HostError(reason: reason, message: String(result))
    }
    return result
}

// MARK: - Log

public enum LogLevel: UInt32 {
    case trace, debug, info, notice, warning, error, critical
}

/// Sends a line to the host's log.
public func log(_ level: LogLevel, _ message: String) {
    let bytes = Array(message.utf8)
    bytes.withUnsafeBufferPointer { pal_log(level.rawValue, text($0)) }
}
