import CPalimpsest
import GuestABI
import MicroVM

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

    init(_ exit: GuestExit) {
        self =
            switch exit {
            case .returned: .returned
            case .hostCall: .hostCall
            case .log: .log
            case .abort: .abort
            case .ready: .other("port \(hex(UInt64(PAL_PORT_READY)))")
            case .forbiddenPort(let port): .other("port \(hex(UInt64(port)))")
            case .pageFault: .pageFault
            case .exception(let vector): .exception(vector: vector)
            case .interrupted: .interrupted
            case .lost(let loss): .other(loss.description)
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
