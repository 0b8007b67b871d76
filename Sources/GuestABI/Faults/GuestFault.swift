import MicroVM

/// Why a guest's call ended without a result. The sandbox is poisoned.
public struct GuestFault: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable, Hashable {
        /// A processor exception (Intel SDM vol. 3, table 6-1).
        case exception(vector: UInt8)
        /// The stack ran into its guard pages.
        case stackOverflow
        /// The guest wrote to more snapshot pages than the scratch memory holds copies of.
        case scratchExhausted
        /// A port access the ABI does not know.
        case illegalPort(UInt16)
        /// The guest gave up, with this message.
        case abort(message: String)
        /// The guest broke the ABI.
        case protocolViolation(reason: String)
    }

    public let kind: Kind
    /// The exception's vector, if there was one.
    public let vector: UInt8?
    /// The exception's error code, if it has one.
    public let errorCode: UInt64?
    /// The address a page fault was about (CR2).
    public let address: UInt64?
    public let registers: GuestRegisters
    /// Whether the instruction was `ud2`: a compiler's way to say that a check has failed.
    package let isTrap: Bool
    /// The calls that led to the fault, innermost first: at least the function at `registers.rip`, at most 64. Short
    /// for guests that were built without frame pointers.
    public let backtrace: [GuestFrame]
    /// The region `address` is in; nil if it is in none that the guest may know of.
    public let addressRegion: GuestRegion?
    /// The function or variable at `address`, as `name+0x1c`, from the ELF's symbols.
    public let addressSymbol: String?

    /// Where the core of it is, or why there is none; nil if none was asked for (`SandboxConfiguration.coreDump`).
    public package(set) var core: Result<String, CoreDumpError>?

    package init(
        kind: Kind, vector: UInt8?, errorCode: UInt64?, address: UInt64?, registers: GuestRegisters, isTrap: Bool,
        backtrace: [GuestFrame], addressRegion: GuestRegion?, addressSymbol: String?,
        core: Result<String, CoreDumpError>? = nil
    ) {
        self.kind = kind
        self.vector = vector
        self.errorCode = errorCode
        self.address = address
        self.registers = registers
        self.isTrap = isTrap
        self.backtrace = backtrace
        self.addressRegion = addressRegion
        self.addressSymbol = addressSymbol
        self.core = core
    }

    /// The function at `registers.rip`, as `name+0x1c`, from the ELF's symbols.
    public var symbol: String? {
        backtrace.first.flatMap { frame in
            frame.symbol.map { $0 + (frame.offset.flatMap { $0 > 0 ? "+\(hex($0))" : nil } ?? "") }
        }
    }

    /// What the region at `address` is: "code", "stack", "guard"...
    public var region: String? { addressRegion?.label }

    package static func exceptionName(_ vector: UInt8) -> String {
        let names: [UInt8: String] = [
            0: "#DE divide error", 1: "#DB debug exception", 2: "NMI", 3: "#BP breakpoint", 4: "#OF overflow",
            5: "#BR bound range exceeded", 6: "#UD invalid opcode", 7: "#NM device not available",
            8: "#DF double fault", 10: "#TS invalid TSS", 11: "#NP segment not present",
            12: "#SS stack-segment fault", 13: "#GP general protection", 14: "#PF page fault",
            16: "#MF x87 floating-point error", 17: "#AC alignment check", 18: "#MC machine check",
            19: "#XM SIMD floating-point exception", 20: "#VE virtualization exception",
            21: "#CP control protection",
        ]
        return names[vector] ?? "exception \(vector)"
    }

    /// Vectors whose stack frame has an error code.
    package static func hasErrorCode(_ vector: UInt8) -> Bool {
        switch vector {
        case 8, 10...14, 17, 21, 29, 30: true
        default: false
        }
    }
}
