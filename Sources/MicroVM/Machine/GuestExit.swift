import CPalimpsest

/// What a guest did that made its vCPU come back from `KVM_RUN` (KVM API, section 5).
///
/// Decoded in one place, from the port, the privilege level and the vector, and looked at by `switch` without a
/// `default`: whoever adds a case here is told by the compiler of everyone who needs an answer to it.
package enum GuestExit: Equatable, Sendable {
    /// The call is over: `PAL_PORT_RETURN`, from ring 3, as all of the ABI's ports are.
    case returned
    /// The guest calls a host function: `PAL_PORT_HOST_CALL`.
    case hostCall
    /// The guest's initialisers are done: `PAL_PORT_READY`.
    case ready
    /// The guest has a line for its log: `PAL_PORT_LOG`.
    case log
    /// The guest gives up: `PAL_PORT_ABORT`.
    case abort
    /// #PF, by way of its stub. CR2 and the exception frame say what it is about.
    case pageFault
    /// Any other exception, by way of its stub. Only ring 0 code, which is ours, can cause such an exit.
    case exception(vector: UInt8)
    /// Any other port access: `in`, string or wide, an unknown port, or a forged stub's.
    case forbiddenPort(UInt16)
    /// A signal, or `immediate_exit`.
    case interrupted
    /// The vCPU is not to be trusted again.
    case lost(MachineLoss)
}

extension GuestExit {
    /// The vector of a page fault (Intel SDM vol. 3, table 6-1).
    package static let pageFaultVector: UInt8 = 14

    /// A one-byte `out` to `port`.
    ///
    /// A stub's exit is told from a guest's by the privilege level, never by the port alone.
    init(port: UInt16, isSupervisor: Bool) {
        if isSupervisor {
            let vector = Int32(port) - PAL_PORT_EXCEPTION
            guard (0..<PAL_VECTOR_COUNT).contains(vector) else {
                self = .forbiddenPort(port)
                return
            }
            let number = UInt8(truncatingIfNeeded: vector)
            self = number == GuestExit.pageFaultVector ? .pageFault : .exception(vector: number)
            return
        }
        switch Int32(port) {
        case PAL_PORT_RETURN: self = .returned
        case PAL_PORT_HOST_CALL: self = .hostCall
        case PAL_PORT_READY: self = .ready
        case PAL_PORT_LOG: self = .log
        case PAL_PORT_ABORT: self = .abort
        default: self = .forbiddenPort(port)
        }
    }
}
