import GuestABI
import MicroVM
import Palimpsest
import Synchronization

/// Serves one call to one gdb over its remote protocol ("Debugging with GDB", appendix E).
///
///     let listener = try DebuggerListener(DebuggerAddress("127.0.0.1:0"))
///     let server = try GDBServer(listener, executable: "guest.elf")       // waits for gdb
///     let result = try server.call("parse", arguments: [.string("{")], in: sandbox)
///
/// Commands come while the guest stands still and are carried out on the thread of the call. A debugger that goes away
/// without `detach` takes the call with it: `SandboxError.interrupted`, status `poisoned`.
public final class GDBServer: @unchecked Sendable {
    // Unchecked: all but `connection`, `isRunning` and the session's `interrupt` is used by the call's thread only.
    let connection: DebuggerConnection
    let executable: String?
    let map = RegisterMap(vectorUpperOffset: GuestExtendedState.vectorUpperOffset)
    /// What gdb said it understands.
    var supportsBreakpointReasons = false
    /// Where gdb has asked for software and for hardware breakpoints: to a session they are the same.
    var software: Set<UInt64> = []
    var hardware: Set<UInt64> = []
    /// What the last stop was, as gdb is told when it asks.
    var lastStop = "T05thread:1;"
    /// gdb waits to hear of the next stop.
    var owesStop = false
    /// gdb waits to hear that `monitor rollback` is done.
    var owesRollback = false
    /// gdb goes backwards (`bc`): the next stop is the beginning of history.
    var isReversing = false
    private let isRunning = Atomic<Bool>(false)

    /// Waits until a debugger connects.
    /// - Parameter listener: where the debugger connects.
    /// - Parameter executable: the guest's file, which gdb is told to read symbols from.
    /// - Throws: `DebuggerError.cannotAccept`.
    public init(_ listener: DebuggerListener, executable: String? = nil) throws(DebuggerError) {
        connection = DebuggerConnection(try listener.accept())
        self.executable = executable
    }

    deinit { connection.close() }

    /// Calls a guest function under the debugger, once.
    /// - Throws: as `DebugSession.call` does.
    public func call(
        _ function: String, arguments: [AnyGuestValue], in sandbox: Sandbox
    ) throws(SandboxError) -> AnyGuestValue {
        let session = try DebugSession(sandbox, handler: self)
        let interrupter = session.interrupter
        connection.start { [self] in
            if isRunning.load(ordering: .sequentiallyConsistent) { interrupter.interrupt() }
        }
        defer { connection.close() }
        do throws(SandboxError) {
            let result = try session.call(function, arguments: arguments)
            finish("W00")
            return result
        } catch {
            finish("X" + GDBServer.twoDigits(error.signalNumber))
            throw error
        }
    }

    /// Tells a gdb that waits what became of the call.
    private func finish(_ reply: String) {
        isRunning.store(false, ordering: .sequentiallyConsistent)
        if owesRollback { connection.send("E01") }
        if owesStop { connection.send(reply) }
    }

    static func twoDigits(_ number: Int) -> String {
        String(decoding: Hex.digits([UInt8(truncatingIfNeeded: number)]), as: UTF8.self)
    }
}

extension GDBServer: DebugHandler {
    public func stopped(_ stop: DebugStop, in session: DebugSession) -> DebugResumption {
        isRunning.store(false, ordering: .sequentiallyConsistent)
        lastStop = reply(to: stop)
        if owesRollback {
            print("The call is at its start again. gdb does not know yet: type 'maintenance flush register-cache'.\n")
            connection.send("OK")
            owesRollback = false
        }
        if owesStop {
            if let note = note(stop) { print(note) }
            connection.send(isReversing ? "T05thread:1;replaylog:begin;" : lastStop)
            owesStop = false
        }
        isReversing = false
        let resumption = serve(session)
        if resumption == .resume || resumption == .step {
            isRunning.store(true, ordering: .sequentiallyConsistent)
            // Gone in the meantime: nobody would interrupt the guest.
            if connection.isClosed { return .kill }
        }
        return resumption
    }

    private func reply(to stop: DebugStop) -> String {
        switch stop {
        case .breakpoint(let address):
            // Of the kind that gdb has set there: it passes over a reason it knows no breakpoint for.
            "T05thread:1;" + (supportsBreakpointReasons ? (hardware.contains(address) ? "hwbreak:;" : "swbreak:;") : "")
        case .watchpoint(let address): "T05thread:1;watch:\(String(address, radix: 16));"
        case .callStart, .step, .hostCall: "T05thread:1;"
        case .interrupt: "T02thread:1;"
        case .failure(let error): "T\(GDBServer.twoDigits(error.signalNumber))thread:1;"
        }
    }

    private func note(_ stop: DebugStop) -> String? {
        switch stop {
        case .hostCall(let name): "Host function '\(name)' is about to be called.\n"
        case .failure(let error): "\(error)\n"
        default: nil
        }
    }

    /// Text for gdb's console.
    func print(_ text: String) {
        let limited = text.utf8.prefix(PacketReader.maximumByteCount / 2 - 1)
        connection.send([UInt8(ascii: "O")] + Hex.digits(limited))
    }
}
