import ArgumentParser
import Palimpsest
import ToolSupport

struct CallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "Calls a function of a guest and prints its result.",
        discussion: """
            Arguments are read by the function's signature ('palimpsest inspect' prints it): strings as they are; \
            integers in decimal or with 0x, negative ones too; Bool as true or false; [UInt8] as hexadecimal digits \
            or as @FILE for a file's contents. Results are printed the same way. What looks like an option but is an \
            argument goes after '--'.

            The guest's log lines go to standard error. It has no host functions here: offering some takes the \
            library. 'palimpsest demo' shows it.

            Examples:
              palimpsest call greeter.elf sayHello World
              palimpsest call greeter.elf add -2 0x2c
              palimpsest call sha256.elf sha256 @README.md --timeout 500ms
              palimpsest call greeter.elf add 1 2 --repeat 10000
              palimpsest call greeter.elf add 1 2 --repeat 10000 --rollback
              palimpsest call greeter.elf add 1 2 --repeat 100000 --rollback --resident
              palimpsest call greeter.elf sayHello --json -- --World
              palimpsest call snapshots:greeter sayHello World
              palimpsest call parser.elf parse @input --core core
              palimpsest call greeter.elf sayHello World --gdb 127.0.0.1:1234

            \(ToolExit.table)
            """)

    @OptionGroup var called: CalledFunction

    @Option(
        help: ArgumentHelp("Stop a call that takes longer: 500ms, 1.5s. (default: no limit)", valueName: "time"),
        transform: TimeLimit.parse)
    var timeout: Duration?

    @Option(
        name: .customLong("repeat"),
        help: ArgumentHelp("Call so many times, and print the times the calls took.", valueName: "count"))
    var repetitions = 1

    @Flag(
        help: """
            Go back to the state before the first call after each: every call starts from the same. Prints the pages \
            written, the pages copied, the traps, and the time that going back took.
            """)
    var rollback = false

    @Option(
        help: ArgumentHelp(
            "How --rollback brings pages back: automatic, copy, ioUring or replace. (default: automatic)",
            valueName: "strategy"))
    var strategy: RollbackStrategy?

    @Option(
        help: ArgumentHelp(
            "If the call faults or is stopped, write an ELF core of the guest there, for gdb.", valueName: "file"),
        completion: .file())
    var core: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "Debugging")
    var debugger: DebuggerOptions

    @OptionGroup(title: "Sandbox")
    var sandbox: SandboxOptions

    private static let maximumRepetitions = 100_000_000

    func validate() throws {
        guard (1...CallCommand.maximumRepetitions).contains(repetitions) else {
            throw ValidationError(
                "--repeat: expected 1 to \(CallCommand.maximumRepetitions), found \(repetitions).")
        }
        guard debugger.gdb == nil || (repetitions == 1 && !rollback && timeout == nil) else {
            throw ValidationError(
                "--gdb is for one call without a time limit: leave out --repeat, --rollback, --timeout.")
        }
        guard debugger.gdb == nil || !sandbox.resident else {
            throw ValidationError("--gdb stops the guest at its exits: leave out --resident, which makes none.")
        }
        guard rollback || strategy == nil else {
            throw ValidationError("--strategy says how --rollback works: expected --rollback beside it.")
        }
    }

    func run() throws {
        let sandbox = try sandbox.makeSandbox(guest: called.guest)
        if let strategy { sandbox.rollbackStrategy = strategy }
        let export = try called.export(of: sandbox)
        let arguments = try called.arguments(for: export)
        if let core {
            let inputs = try called.inputs(for: export) + self.sandbox.allowFile
            try OutputFile.check(core, against: inputs, isReplaced: true)
        }
        if let address = debugger.gdb {
            let result = try debugger.call(called, arguments, in: sandbox, at: address)
            return json ? StandardOutput.write(jsonObject(export, result, nil, nil)) : show(result)
        }
        var times = CallTimes(capacity: repetitions)
        var rollbacks: RollbackFigures?
        let result: AnyGuestValue
        do throws(SandboxError) {
            if rollback {
                rollbacks = RollbackFigures(sandbox, snapshot: try sandbox.snapshot(), capacity: repetitions)
            }
            result = try call(sandbox, arguments, &times, &rollbacks)
        } catch {
            throw ToolError(error).adding(coreDetails(of: sandbox))
        }
        if json {
            StandardOutput.write(jsonObject(export, result, times, rollbacks))
        } else {
            show(result)
            if repetitions > 1 { StandardError.write(times.description) }
            if let rollbacks { StandardError.write(rollbacks.description) }
        }
    }

    /// The core, if one was asked for and the sandbox is in a state that says why.
    private func coreDetails(of sandbox: Sandbox) -> ToolError.Details? {
        guard let core, sandbox.status == .poisoned else { return nil }
        do throws(CoreDumpError) {
            try sandbox.writeCoreDump(to: core)
        } catch {
            return ToolError.Details(
                text: Terminal.escaped("Core: \(error)"), name: "core", json: ["error": .string("\(error)")])
        }
        let isFile = SnapshotLocation(guest: called.guest) == nil
        let command = "gdb \(isFile ? called.guest.shellQuoted : "GUEST.elf") \(core.shellQuoted)"
        return ToolError.Details(
            text: "Core: \(Terminal.escaped(command))", name: "core",
            json: ["path": .string(core), "command": .string(command)])
    }

    /// All the calls; the result is the last one's.
    private func call(
        _ sandbox: Sandbox, _ arguments: [AnyGuestValue], _ times: inout CallTimes, _ rollbacks: inout RollbackFigures?
    ) throws(SandboxError) -> AnyGuestValue {
        let clock = ContinuousClock()
        var result = AnyGuestValue.void
        for _ in 0..<repetitions {
            let start = clock.now
            result = try sandbox.call(
                called.function, arguments: arguments, deadline: timeout.map { start.advanced(by: $0) })
            times.add((clock.now - start).nanoseconds)
            try rollbacks?.rollBack()
        }
        return result
    }

    private func show(_ result: AnyGuestValue) {
        switch result {
        case .void: break
        case .string(let text): StandardOutput.write(Terminal.isInteractive ? Terminal.escaped(text) : text)
        default: StandardOutput.write(result)
        }
    }

    private func jsonObject(
        _ export: GuestExport, _ result: AnyGuestValue, _ times: CallTimes?, _ rollbacks: RollbackFigures?
    ) -> JSON {
        var members: [(String, JSON)] = [
            ("function", .string(export.name)),
            ("signature", .string(export.signature.description)),
            ("result", JSON(result)),
        ]
        if let times { members.append(("nanoseconds", .integer(times.last))) }
        if let times, repetitions > 1 { members.append(("times", times.json)) }
        if let rollbacks { members.append(("rollback", rollbacks.json)) }
        return .object(members)
    }
}

extension RollbackStrategy: ExpressibleByArgument {}

extension JSON {
    /// Numbers as numbers, bytes as hexadecimal digits, no result as null.
    init(_ value: AnyGuestValue) {
        self =
            switch value {
            case .void: .null
            case .bool(let value): .bool(value)
            case .int8(let value): .integer(Int64(value))
            case .int16(let value): .integer(Int64(value))
            case .int32(let value): .integer(Int64(value))
            case .int64(let value): .integer(value)
            case .uint8(let value): .unsigned(UInt64(value))
            case .uint16(let value): .unsigned(UInt64(value))
            case .uint32(let value): .unsigned(UInt64(value))
            case .uint64(let value): .unsigned(value)
            case .float(let value): .number(Double(value))
            case .double(let value): .number(value)
            case .string(let value): .string(value)
            case .bytes: .string(value.description)
            }
    }
}
