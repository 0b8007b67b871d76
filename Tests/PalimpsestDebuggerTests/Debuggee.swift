import Foundation
import GuestABI
import Palimpsest
import PalimpsestDebugger
import Synchronization
import Testing

/// A guest to be debugged: its file, and calls of it that a debugger is let into.
struct Debuggee: Sendable {
    let path: String

    static let c = Debuggee("debuggee")
    static let swift = Debuggee("debuggee-swift")

    private init(_ name: String) {
        path = Bundle.module.url(forResource: name, withExtension: "elf")?.path ?? ""
    }

    /// - Parameter asked: is signalled when the guest calls its host function.
    func makeSandbox(signalling asked: DispatchSemaphore? = nil) throws -> Sandbox {
        var host = HostFunctions()
        try host.register("answer") { (question: Int64) -> Int64 in
            asked?.signal()
            return question * 2
        }
        return try Sandbox(guest: .file(path), hostFunctions: host)
    }

    /// What became of a call under a debugger, and of its sandbox.
    struct Outcome {
        var result: Result<AnyGuestValue, SandboxError>
        var status: SandboxStatus
        /// What the next call, without a debugger, returned after a rollback.
        var sumAfterwards: Int64?
    }

    /// Makes a call and waits for a debugger, which `body` is to be. Blocks.
    func call(
        _ function: String, _ arguments: [AnyGuestValue] = [], at address: String = "127.0.0.1:0",
        signalling asked: DispatchSemaphore? = nil, debugger body: (DebuggerAddress) throws -> Void
    ) throws -> Outcome {
        let place = try DebuggerAddress(address)
        // Only the call keeps it: what a thread was started with can outlive the thread.
        let listening = Mutex<DebuggerListener?>(try DebuggerListener(place))
        let found = try #require(listening.withLock { $0?.address })
        let outcome = Mutex<Result<Outcome, any Error>?>(nil)
        let finished = DispatchSemaphore(value: 0)
        let thread = Thread {
            let result = Result {
                let listener = listening.withLock { listener in
                    defer { listener = nil }
                    return listener
                }
                return try run(function, arguments, try #require(listener), asked)
            }
            outcome.withLock { $0 = result }
            finished.signal()
        }
        thread.start()
        try body(found)
        #expect(finished.wait(timeout: .now() + 600) == .success, "the call goes on without its debugger")
        return try #require(outcome.withLock { $0 }).get()
    }

    private func run(
        _ function: String, _ arguments: [AnyGuestValue], _ listener: DebuggerListener,
        _ asked: DispatchSemaphore?
    ) throws -> Outcome {
        let sandbox = try makeSandbox(signalling: asked)
        let start = try sandbox.snapshot()
        let server = try GDBServer(listener, executable: path)
        let result = Result { () throws(SandboxError) in
            try server.call(function, arguments: arguments, in: sandbox)
        }
        var outcome = Outcome(result: result, status: sandbox.status)
        try sandbox.restore(start)
        if self.path == Debuggee.c.path { outcome.sumAfterwards = try sandbox.call("sum", Int64(4)) }
        return outcome
    }
}
