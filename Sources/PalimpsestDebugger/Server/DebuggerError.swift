/// Why a debugger cannot be served.
public enum DebuggerError: Error, Sendable, Hashable, CustomStringConvertible {
    case invalidAddress(String, reason: String)
    /// Whoever can connect can read and change the guest's memory: only this machine, unless that is asked for.
    case notLocal(String)
    case cannotListen(address: String, reason: String)
    /// Nobody could be let in.
    case cannotAccept(address: String, reason: String)

    public var description: String {
        switch self {
        case .invalidAddress(let text, let reason):
            "Expected 127.0.0.1:PORT, [::1]:PORT or unix:PATH for the debugger, found '\(text)': \(reason)."
        case .notLocal(let address):
            "Other machines could debug the guest at \(address). Use 127.0.0.1, [::1] or unix:PATH; or allow it."
        case .cannotListen(let address, let reason): "Cannot wait for a debugger at \(address): \(reason)."
        case .cannotAccept(let address, let reason): "The wait for a debugger at \(address) ended: \(reason)."
        }
    }
}
