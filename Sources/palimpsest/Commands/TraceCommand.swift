import ArgumentParser
import Palimpsest
import ToolSupport

struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Calls a function of a guest and shows what happened, event by event.",
        discussion: """
            Every line is an event: when it began, how long it took, and what it was. 'guest' is the guest running, \
            until the exit that is named; between two of those the host works: page faults with the address, the \
            region and the cause, host calls, log lines. The call starts in a new sandbox, so its first page faults \
            are those that every new sandbox takes. With --calls, the sandbox is rolled back after each call, and the \
            next one shows what a warm sandbox costs.

            Arguments are read as for 'palimpsest call'. The guest's log lines go to standard error as well. It has \
            no host functions here; calls of some are shown all the same.

            A file written with --perfetto opens in https://ui.perfetto.dev and in chrome://tracing.

            Examples:
              palimpsest trace greeter.elf sayHello World
              palimpsest trace greeter.elf sayHello World --calls 2
              palimpsest trace greeter.elf add 1 2 --json
              palimpsest trace greeter.elf add 1 2 --perfetto add.json
              palimpsest trace snapshots:greeter sayHello World

            \(ToolExit.table)
            """)

    @OptionGroup var called: CalledFunction

    @Option(help: ArgumentHelp("Call so many times, with a rollback after each.", valueName: "count"))
    var calls = 1

    @Option(
        help: ArgumentHelp("Stop a call that takes longer: 500ms, 1.5s. (default: no limit)", valueName: "time"),
        transform: TimeLimit.parse)
    var timeout: Duration?

    @Option(
        help: ArgumentHelp(
            "How the rollback brings pages back: automatic, copy, ioUring or replace. (default: automatic)",
            valueName: "strategy"))
    var strategy: RollbackStrategy?

    @Option(help: ArgumentHelp("Keep so many events, the newest.", valueName: "count"))
    var events = 16_384

    @Flag(help: "Print JSON.")
    var json = false

    @Option(
        help: ArgumentHelp("Write a trace for Perfetto and chrome://tracing, too.", valueName: "file"),
        completion: .file())
    var perfetto: String?

    @OptionGroup(title: "Sandbox")
    var sandbox: SandboxOptions

    private static let maximumCalls = 1_000_000

    func validate() throws {
        guard (1...TraceCommand.maximumCalls).contains(calls) else {
            throw ValidationError("--calls: expected 1 to \(TraceCommand.maximumCalls), found \(calls).")
        }
        let range = Sandbox.traceCapacityRange
        guard range.contains(events) else {
            throw ValidationError(
                "--events: expected \(range.lowerBound) to \(range.upperBound), found \(events).")
        }
    }

    func run() throws {
        let (sandbox, snapshot) = try makeSandbox()
        let export = try called.export(of: sandbox)
        let arguments = try called.arguments(for: export)
        if let perfetto {
            let inputs = try called.inputs(for: export) + self.sandbox.allowFile
            try OutputFile.check(perfetto, against: inputs, isReplaced: false)
        }
        let outcome: Result<AnyGuestValue, SandboxError>
        try ToolError.ofSandbox { () throws(SandboxError) in try sandbox.startTracing(capacity: events) }
        do throws(SandboxError) {
            outcome = .success(try call(sandbox, snapshot, arguments))
        } catch {
            outcome = .failure(error)
        }
        let trace = sandbox.stopTracing() ?? CallTrace(events: [], lostEventCount: 0)
        if let perfetto {
            let title = "\(called.guest) \(export.name)"
            try OutputFile.write(PerfettoTrace(trace: trace, title: title).json.compact, to: perfetto)
        }
        try show(export, trace, outcome)
    }

    /// One whose calls have touched nothing yet.
    private func makeSandbox() throws(ToolError) -> (Sandbox, Snapshot) {
        let original = try sandbox.makeSandbox(guest: called.guest)
        return try ToolError.ofSandbox { () throws(SandboxError) in
            let snapshot = try original.snapshot()
            let sandbox = try Sandbox(from: snapshot, configuration: sandbox.configuration)
            if let strategy { sandbox.rollbackStrategy = strategy }
            return (sandbox, snapshot)
        }
    }

    /// All the calls, or as many as come back. After each, a rollback.
    private func call(
        _ sandbox: Sandbox, _ snapshot: Snapshot, _ arguments: [AnyGuestValue]
    ) throws(SandboxError) -> AnyGuestValue {
        var result = AnyGuestValue.void
        for _ in 0..<calls {
            do throws(SandboxError) {
                result = try sandbox.call(
                    called.function, arguments: arguments, deadline: timeout.map { .now.advanced(by: $0) })
            } catch {
                try sandbox.restore(snapshot)
                throw error
            }
            try sandbox.restore(snapshot)
        }
        return result
    }

    private func show(
        _ export: GuestExport, _ trace: CallTrace, _ outcome: Result<AnyGuestValue, SandboxError>
    ) throws {
        if json {
            StandardOutput.write(jsonObject(export, trace, outcome))
            // The error is part of the object.
            if case .failure(let error) = outcome { throw ToolError(error).exit.code }
        } else {
            StandardOutput.write(TraceTable(trace: trace))
            if case .failure(let error) = outcome { throw ToolError(error) }
        }
    }

    private func jsonObject(
        _ export: GuestExport, _ trace: CallTrace, _ outcome: Result<AnyGuestValue, SandboxError>
    ) -> JSON {
        var members: [(String, JSON)] = [
            ("guest", .string(called.guest)), ("function", .string(export.name)),
            ("signature", .string(export.signature.description)),
        ]
        switch outcome {
        case .success(let result): members.append(("result", JSON(result)))
        case .failure(let error): members += [("result", .null), ("error", ToolError(error).json)]
        }
        members += [
            ("events", .array(trace.events.map(\.json))), ("lostEvents", .unsigned(trace.lostEventCount)),
        ]
        return .object(members)
    }
}
