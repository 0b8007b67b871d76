import Glibc
import GuestABI

/// The signal that a program would have got from Linux for what a guest has done: debuggers know those.
package enum GuestSignal {
    /// Number and code (sigaction(2), `si_code`); the number is 0 for a guest that did nothing wrong.
    package static func number(_ fault: GuestFault?) -> (signal: Int32, code: Int32) {
        switch fault?.kind {
        case nil: (0, 0)
        case .exception(let vector): number(vector: vector, isMapped: fault?.addressRegion != nil)
        case .stackOverflow: (SIGSEGV, 2)
        case .scratchExhausted: (SIGBUS, 3)
        case .illegalPort: (SIGILL, 5)
        case .abort, .protocolViolation: (SIGABRT, 0)
        }
    }

    /// As Linux has it (arch/x86/kernel/traps.c, and arch/x86/mm/fault.c).
    private static func number(vector: UInt8, isMapped: Bool) -> (Int32, Int32) {
        switch vector {
        case 0: (SIGFPE, 1)  // FPE_INTDIV
        case 1: (SIGTRAP, 2)  // TRAP_TRACE
        case 3: (SIGTRAP, 1)  // TRAP_BRKPT
        case 6: (SIGILL, 2)  // ILL_ILLOPN
        case 14: (SIGSEGV, isMapped ? 2 : 1)  // SEGV_ACCERR, SEGV_MAPERR
        case 16, 19: (SIGFPE, 7)  // FPE_FLTINV
        case 17: (SIGBUS, 1)  // BUS_ADRALN
        default: (SIGSEGV, 0x80)  // SI_KERNEL
        }
    }
}
