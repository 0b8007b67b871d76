import ArgumentParser
import Palimpsest
import PalimpsestDebugger
import ToolSupport

/// Options for calls under gdb.
struct DebuggerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Wait for gdb at 127.0.0.1:PORT (0: any free port) or unix:PATH, and let it run the call.",
            valueName: "address"))
    var gdb: String?

    @Flag(help: "Let other machines debug the guest: whoever can connect can read and change its memory.")
    var gdbAllowRemote = false

    func validate() throws {
        guard gdb != nil || !gdbAllowRemote else {
            throw ValidationError("--gdb-allow-remote says who may connect: expected --gdb beside it.")
        }
    }

    /// Makes the call under the debugger, once one has connected.
    func call(
        _ called: CalledFunction, _ arguments: [AnyGuestValue], in sandbox: Sandbox, at address: String
    ) throws(ToolError) -> AnyGuestValue {
        let file = SnapshotLocation(guest: called.guest) == nil ? InputFile.absolutePath(called.guest) : nil
        let server: GDBServer
        do throws(DebuggerError) {
            let listener = try DebuggerListener(DebuggerAddress(address), allowsRemote: gdbAllowRemote)
            let target = "target remote \(listener.address)".shellQuoted
            let command = "gdb \(file?.shellQuoted ?? "GUEST.elf") -ex \(target)"
            StandardError.write("Waiting for gdb. In another terminal: \(Terminal.escaped(command))")
            server = try GDBServer(listener, executable: file)
        } catch {
            throw ToolError(error)
        }
        return try ToolError.ofSandbox { () throws(SandboxError) in
            try server.call(called.function, arguments: arguments, in: sandbox)
        }
    }
}

extension ToolError {
    init(_ error: DebuggerError) {
        let isUsage =
            switch error {
            case .invalidAddress, .notLocal: true
            case .cannotListen, .cannotAccept: false
            }
        self.init(isUsage ? .usage : .unavailable, kind: "debugger", error.description)
    }
}
