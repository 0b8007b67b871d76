import Palimpsest

extension SandboxError {
    /// The signal, by gdb's numbers, that a process would have got for this.
    var signalNumber: Int {
        guard case .fault(let fault) = self else {
            if case .interrupted = self { return 9 }
            return 6
        }
        switch fault.kind {
        case .exception(let vector):
            switch vector {
            case 0, 16, 19: return 8  // SIGFPE
            case 1, 3: return 5  // SIGTRAP
            case 6: return 4  // SIGILL
            case 17: return 10  // SIGBUS
            default: return 11  // SIGSEGV
            }
        case .stackOverflow, .scratchExhausted, .illegalPort: return 11
        case .abort, .protocolViolation: return 6  // SIGABRT
        }
    }
}
