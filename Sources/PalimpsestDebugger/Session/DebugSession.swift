import GuestABI
import MicroVM
import Palimpsest

/// A debugger's hold on a sandbox: calls made through it stop where it wants, and can be looked into and changed.
///
///     let session = try DebugSession(sandbox, handler: handler)
///     let result = try session.call("parse", arguments: [.string("{")])
///
/// The handler is asked on the thread of the call, whenever the guest stops; all but `interrupter` may be used
/// there and nowhere else. Nothing that a session does outlives its calls, but what was written to memory: breakpoints
/// are taken out when a call ends.
///
/// Single steps are RFLAGS.TF and vector 1, breakpoints `int3` and vector 3, both by way of the exception stubs. Debug
/// registers are not used: KVM takes them (KVM API 4.87), but under PVM they never hit. A watched guest is stepped
/// instead, and its memory compared after each instruction: exact everywhere, at one exit an instruction.
public final class DebugSession: ExitInterceptor {
    /// Breakpoints at a time.
    public static let maximumBreakpointCount = 1024
    /// Watchpoints at a time, and bytes that one of them watches.
    public static let maximumWatchpointCount = 16
    public static let maximumWatchedByteCount = 4096
    /// Bytes that can be read or written at a time: 1 MiB.
    public static let maximumByteCount = 1 << 20

    private static let breakpointInstruction: UInt8 = 0xcc
    private static let trapFlag: UInt64 = 1 << 8
    /// What of RFLAGS a debugger may set: the status flags, DF, AC and ID. Not TF, which is the session's, IF or IOPL.
    private static let changeableFlags: UInt64 = 0x24_0cd5

    private let sandbox: Sandbox
    private weak var handler: (any DebugHandler)?
    /// Breakpoints, and the bytes they have replaced.
    private var breakpoints: [UInt64: UInt8] = [:]
    private var watchpoints: [Watchpoint] = []
    /// Every instruction traps: for a step, or for the watchpoints.
    private var isTracing = false
    /// The next trap is a stop.
    private var isStepping = false
    private var isDetached = false
    private var isRollingBack = false
    private let interruption = DebugInterrupter.State()

    /// Whether calls of host functions are stops.
    public var stopsAtHostCalls = false

    /// - Parameter sandbox: its calls stop for `handler` from now on.
    /// - Parameter handler: kept weakly. Without it, calls run to their end.
    /// - Throws: `SandboxError.invalidConfiguration` if the guest resets its registers itself: a vCPU that waits for
    ///   calls inside the guest cannot be stopped between two.
    public init(_ sandbox: Sandbox, handler: any DebugHandler) throws(SandboxError) {
        guard sandbox.resident == nil else {
            throw .invalidConfiguration(name: "registerReset", value: 1, expected: "byHost, for debugging")
        }
        self.sandbox = sandbox
        self.handler = handler
    }

    /// The guest's memory, region by region, in address order.
    public var regions: [GuestRegion] { sandbox.regions }

    // MARK: - Calls

    /// Calls a guest function. It has no deadline: a stopped guest's time is nobody's.
    ///
    /// Takes a snapshot first, which is what `DebugResumption.rollBack` goes back to.
    /// - Throws: as `Sandbox.call` and `snapshot` do; `interrupted` if the debugger has killed it.
    public func call(_ function: String, arguments: [AnyGuestValue]) throws(SandboxError) -> AnyGuestValue {
        let start = try sandbox.snapshot()
        let generation = sandbox.machine.generation
        isDetached = false
        while true {
            do throws(SandboxError) {
                return try callOnce(function, arguments)
            } catch {
                guard isRollingBack else { throw error }
                isRollingBack = false
                try sandbox.restore(start)
                // The same call again, random numbers included.
                sandbox.machine.generation = generation
            }
        }
    }

    private func callOnce(_ function: String, _ arguments: [AnyGuestValue]) throws(SandboxError) -> AnyGuestValue {
        sandbox.debugger = self
        defer {
            forgetInterruption()
            clear()
            sandbox.debugger = nil
        }
        return try sandbox.call(function, arguments: arguments)
    }

    /// For other threads: has the guest stop where it is.
    public var interrupter: DebugInterrupter { DebugInterrupter(interruption, sandbox.control) }

    // MARK: - What the sandbox asks

    /// A call is about to enter the guest for the first time.
    package func begin() throws(SandboxError) {
        guard !isDetached else { return }
        do throws(DebugError) {
            try reinsert()
        } catch {
            throw sandbox.poison(.protocolViolation(reason: "breakpoints cannot be set again: \(error)"))
        }
        interruption.value.withLock { $0.isCallRunning = true }
        try stop(.callStart)
    }

    /// Answers an exit, as the sandbox does, but for those that are the debugger's.
    package func answer(_ exit: GuestExit) throws(SandboxError) {
        if isDetached { return try sandbox.answer(exit) }
        switch exit {
        case .exception(vector: 1) where isTracing: try traced()
        case .exception(vector: 3) where breakpoints[frame.instruction &- 1] != nil:
            sandbox.machine.exceptionFrame.instruction &-= 1
            try stop(.breakpoint(address: frame.instruction))
        case .interrupted where takeInterruption(): try stop(.interrupt)
        case .hostCall where stopsAtHostCalls:
            try stop(.hostCall(name: sandbox.hostCallName))
            try pass(exit)
        case .returned, .hostCall, .ready, .log, .abort, .pageFault, .exception, .forbiddenPort, .interrupted, .lost:
            try pass(exit)
        }
    }

    private func pass(_ exit: GuestExit) throws(SandboxError) {
        do throws(SandboxError) {
            try sandbox.answer(exit)
        } catch {
            if sandbox.status != .unrecoverable { try stop(.failure(error)) }
            throw error
        }
    }

    /// One more instruction has run.
    private func traced() throws(SandboxError) {
        if let changed = changedWatchpoint() {
            try stop(.watchpoint(address: changed))
        } else if isStepping {
            try stop(.step)
        }
    }

    private func changedWatchpoint() -> UInt64? {
        for index in watchpoints.indices {
            let watched = watchpoints[index]
            let bytes = try? read(watched.address, byteCount: watched.byteCount)
            guard bytes != watched.bytes else { continue }
            watchpoints[index].bytes = bytes
            return watched.address
        }
        return nil
    }

    /// One that came too late must not hit the sandbox's next call.
    private func forgetInterruption() {
        interruption.value.withLock { interruption in
            if interruption.isWanted { sandbox.control.allowEntry() }
            interruption = .init()
        }
    }

    private func takeInterruption() -> Bool {
        interruption.value.withLock { interruption in
            guard interruption.isWanted, sandbox.control.stopReason == nil else { return false }
            interruption.isWanted = false
            sandbox.control.allowEntry()
            return true
        }
    }

    private func stop(_ reason: DebugStop) throws(SandboxError) {
        trace(false)
        switch handler?.stopped(reason, in: self) ?? .detach {
        case .resume: resume(stepping: false)
        case .step: resume(stepping: true)
        case .rollBack:
            isRollingBack = true
            throw killed()
        case .detach:
            forgetInterruption()
            clear()
            isDetached = true
        case .kill: throw killed()
        }
    }

    private func resume(stepping: Bool) {
        isStepping = stepping
        // What the debugger has changed itself is not news.
        for index in watchpoints.indices {
            let watched = watchpoints[index]
            watchpoints[index].bytes = try? read(watched.address, byteCount: watched.byteCount)
        }
        trace(stepping || !watchpoints.isEmpty)
    }

    private func killed() -> SandboxError {
        sandbox.poison()
        return .interrupted
    }

    // MARK: - Registers

    private var vcpu: VirtualCPU { sandbox.machine.vcpu }
    private var frame: ExceptionFrame { sandbox.machine.exceptionFrame }

    private func trace(_ isOn: Bool) {
        guard isOn != isTracing else { return }
        isTracing = isOn
        var registers = sandbox.machine.guestRegisters
        registers.rflags = isOn ? registers.rflags | DebugSession.trapFlag : registers.rflags & ~DebugSession.trapFlag
        sandbox.machine.setGuestRegisters(registers)
    }

    /// All registers of the stopped guest.
    /// - Throws: `DebugError.machine`.
    public func readState() throws(DebugError) -> GuestProcessorState {
        try DebugSession.machine { () throws(MachineError) in try sandbox.machine.processorState() }
    }

    /// Changes registers: general ones, RIP, the flags that code in ring 3 could change itself, segment bases, extended
    /// state. Addresses outside the guest's half of the address space, other flags and selectors stay as they are.
    /// - Throws: `DebugError.machine`: KVM refuses an extended state with reserved bits set.
    public func writeState(_ state: GuestProcessorState) throws(DebugError) {
        let current = try readState()
        if state.extended != current.extended {
            try DebugSession.machine { () throws(MachineError) in
                try vcpu.setExtendedState(state.extended.bytes)
            }
        }
        var wanted = state.registers
        wanted.rip = canonical(wanted.rip) ?? current.registers.rip
        wanted.rflags =
            current.registers.rflags & ~DebugSession.changeableFlags | wanted.rflags & DebugSession.changeableFlags
        sandbox.machine.setGuestRegisters(wanted)
        let bases = (state.segments.fsBase, state.segments.gsBase)
        guard bases != (current.segments.fsBase, current.segments.gsBase) else { return }
        vcpu.setBases(
            fs: canonical(bases.0) ?? current.segments.fsBase, gs: canonical(bases.1) ?? current.segments.gsBase)
    }

    private func canonical(_ address: UInt64) -> UInt64? { address < GuestLayout.userEnd.rawValue ? address : nil }

    private static func machine<Value>(
        _ body: () throws(MachineError) -> Value
    ) throws(DebugError) -> Value {
        do throws(MachineError) {
            return try body()
        } catch {
            throw .machine(error)
        }
    }

    private static func patch<Value>(_ body: () throws(PatchError) -> Value) throws(DebugError) -> Value {
        do throws(PatchError) {
            return try body()
        } catch {
            switch error {
            case .unwritable(let address, let byteCount): throw .unwritable(address: address, byteCount: byteCount)
            case .notCode(let address): throw .notCode(address: address)
            case .scratchExhausted: throw .scratchExhausted
            }
        }
    }

    // MARK: - Memory

    /// Bytes of the guest's memory, without the breakpoints in it.
    /// - Parameter address: where the guest has the first of them.
    /// - Parameter byteCount: at most `maximumByteCount`.
    /// - Throws: `DebugError.unreadable` if any of them is not the guest's to read.
    public func read(_ address: UInt64, byteCount: Int) throws(DebugError) -> [UInt8] {
        let span = GuestSpan(address: address, byteCount: UInt64(clamping: byteCount))
        guard (0...DebugSession.maximumByteCount).contains(byteCount),
            var bytes = try? sandbox.machine.memory.bytes(span)
        else { throw .unreadable(address: address, byteCount: UInt64(clamping: byteCount)) }
        for (place, original) in breakpoints {
            let distance = GuestVirtualAddress(rawValue: place).distance(above: span.address)
            if let index = distance.index(below: bytes.count) { bytes[index] = original }
        }
        return bytes
    }

    /// The readable bytes from `address` on, up to `byteCount` of them: until the first page that is not.
    public func readPrefix(_ address: UInt64, byteCount: Int) throws(DebugError) -> [UInt8] {
        var bytes: [UInt8] = []
        var place = GuestVirtualAddress(rawValue: address)
        while bytes.count < byteCount {
            let count = min(byteCount - bytes.count, pageByteCount - place.offsetInPage)
            do throws(DebugError) {
                bytes += try read(place.rawValue, byteCount: count)
            } catch {
                if bytes.isEmpty { throw error }
                break
            }
            // Memory that can be read ends long before addresses do.
            place = place + count
        }
        return bytes
    }

    /// Writes where the guest could, with what a write of its own would bring about: a page of the image is copied, and
    /// rollbacks take the change back.
    /// - Throws: `DebugError.unwritable`, `scratchExhausted`, `machine`.
    public func write(_ bytes: [UInt8], at address: UInt64) throws(DebugError) {
        guard bytes.count <= DebugSession.maximumByteCount else {
            throw .unwritable(address: address, byteCount: UInt64(bytes.count))
        }
        let effect = try DebugSession.patch { () throws(PatchError) in
            try sandbox.machine.memory.write(bytes, at: address)
        }
        if case .needsFlush = effect { try flush() }
    }

    private func flush() throws(DebugError) {
        do throws(MachineError) {
            try sandbox.machine.shell.forgetTranslations()
        } catch {
            sandbox.markUnrecoverable()
            throw .machine(error)
        }
    }

    // MARK: - Breakpoints

    /// Stops before the instruction at `address`. Setting one twice is setting it once.
    /// - Throws: `DebugError.notCode`, `tooManyBreakpoints`, `scratchExhausted`, `machine`.
    public func setBreakpoint(at address: UInt64) throws(DebugError) {
        guard breakpoints[address] == nil else { return }
        guard breakpoints.count < DebugSession.maximumBreakpointCount else { throw .tooManyBreakpoints }
        try insert(address)
    }

    private func insert(_ address: UInt64) throws(DebugError) {
        let (old, effect) = try DebugSession.patch { () throws(PatchError) in
            try sandbox.machine.memory.patch(address, DebugSession.breakpointInstruction)
        }
        breakpoints[address] = old
        if case .needsFlush = effect { try flush() }
    }

    public func removeBreakpoint(at address: UInt64) throws(DebugError) {
        guard let original = breakpoints.removeValue(forKey: address) else { return }
        let effect = try DebugSession.patch { () throws(PatchError) in
            try sandbox.machine.memory.patch(address, original).effect
        }
        if case .needsFlush = effect { try flush() }
    }

    /// Stops after an instruction that has changed any of these bytes. Until it is removed, every instruction is an
    /// exit.
    /// - Throws: `DebugError.invalidWatchpoint`, `tooManyWatchpoints`.
    public func setWatchpoint(at address: UInt64, byteCount: Int) throws(DebugError) {
        guard (1...DebugSession.maximumWatchedByteCount).contains(byteCount),
            let bytes = try? read(address, byteCount: byteCount)
        else { throw .invalidWatchpoint(address: address, byteCount: byteCount) }
        guard !watchpoints.contains(where: { $0.address == address && $0.byteCount == byteCount }) else { return }
        guard watchpoints.count < DebugSession.maximumWatchpointCount else { throw .tooManyWatchpoints }
        watchpoints.append(Watchpoint(address: address, byteCount: byteCount, bytes: bytes))
    }

    public func removeWatchpoint(at address: UInt64, byteCount: Int) {
        watchpoints.removeAll { $0.address == address && $0.byteCount == byteCount }
    }

    /// After a rollback: the same breakpoints, in what may be another machine. Code pages hold the image's bytes then.
    private func reinsert() throws(DebugError) {
        for address in breakpoints.keys.sorted() { try insert(address) }
    }

    /// Takes everything out of the guest; what is set stays known if the call is about to begin again. A machine that
    /// cannot be cleaned is one that is not used again.
    private func clear() {
        trace(false)
        let known = (breakpoints, watchpoints)
        do throws(DebugError) {
            for address in known.0.keys { try removeBreakpoint(at: address) }
            let effect = try DebugSession.patch { () throws(PatchError) in
                try sandbox.machine.memory.sealEntryCode()
            }
            if case .needsFlush = effect { try flush() }
        } catch {
            sandbox.markUnrecoverable()
        }
        (breakpoints, watchpoints) = isRollingBack ? known : ([:], [])
    }
}
