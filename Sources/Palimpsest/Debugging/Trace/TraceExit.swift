import CPalimpsest

/// Why a guest was left (KVM API, section 5, "kvm_run").
public enum TraceExit: Sendable, Hashable, CustomStringConvertible {
    /// The call was over: `PAL_PORT_RETURN`; of resident calls, its reply was there.
    case returned
    case hostCall
    case log
    case abort
    /// A page fault, vector 14.
    case pageFault
    /// Any other exception of the processor's (Intel SDM vol. 3, table 6-1).
    case exception(vector: UInt8)
    /// A signal: a deadline or an interrupt, or nothing of this sandbox's.
    case interrupted
    /// Nothing a guest should be able to bring about, in words.
    case other(String)

    init(_ exit: VirtualCPUExit) {
        self =
            switch exit {
            case .guestPort(UInt16(PAL_PORT_RETURN)): .returned
            case .guestPort(UInt16(PAL_PORT_HOST_CALL)): .hostCall
            case .guestPort(UInt16(PAL_PORT_LOG)): .log
            case .guestPort(UInt16(PAL_PORT_ABORT)): .abort
            case .guestPort(let port), .forbiddenPort(let port): .other("port \(hex(UInt64(port)))")
            case .exception(vector: 14): .pageFault
            case .exception(let vector): .exception(vector: vector)
            case .interrupted: .interrupted
            case .memoryMappedIO(let address): .other("access to guest-physical \(hex(address))")
            case .shutdown: .other("shutdown")
            case .entryFailed(let reason): .other("entry failed, reason \(hex(reason))")
            case .internalError(let suberror): .other("KVM internal error, suberror \(suberror)")
            case .unexpected(let reason): .other("KVM exit reason \(reason)")
            case .failed(let errno): .other("KVM_RUN: \(errno)")
            }
    }

    public var description: String {
        switch self {
        case .returned: "return"
        case .hostCall: "host call"
        case .log: "log"
        case .abort: "abort"
        case .pageFault: "page fault"
        case .exception(let vector): GuestFault.exceptionName(vector)
        case .interrupted: "interrupt"
        case .other(let text): text
        }
    }
}
