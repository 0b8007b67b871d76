import Foundation
import PalimpsestDebugger
import Testing

/// The real gdb, in batch mode.
enum GDB {
    /// Runs commands one after the other, connected to `address`.
    /// - Parameter moment: when gdb gets the signal of a Ctrl-C.
    /// - Returns: what gdb printed.
    static func run(
        _ commands: [String], on file: String?, at address: DebuggerAddress,
        interruptAt moment: DispatchSemaphore? = nil
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // Threads of Swift's have all signals blocked, and a process they start inherits that.
        let unblock = "python import signal; signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])"
        let setup = [
            unblock, "set confirm off", "set pagination off", "set width 0", "target remote \(address)",
        ]
        process.arguments =
            ["gdb", "-nx", "-batch"] + (file.map { [$0] } ?? []) + (setup + commands).flatMap { ["-ex", $0] }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        if let moment {
            Thread.detachNewThread {
                moment.wait()
                if process.isRunning { process.interrupt() }
            }
        }
        defer { moment?.signal() }
        // Only one that hangs.
        let deadline = DispatchWorkItem { process.terminate() }
        DispatchQueue.global().asyncAfter(deadline: .now() + 600, execute: deadline)
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        deadline.cancel()
        return text
    }
}
