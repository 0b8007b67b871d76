import Glibc
import Palimpsest

extension SandboxError {
    /// The signal, by gdb's numbers (its include/gdb/signals.def), that a process would have got from Linux for this.
    var signalNumber: Int {
        let signal =
            switch self {
            case .fault(let fault): GuestSignal.number(fault).signal
            case .interrupted: SIGKILL
            default: SIGABRT
            }
        // Of those in question, the only one that has another number in Linux.
        return signal == SIGBUS ? 10 : Int(signal)
    }
}
