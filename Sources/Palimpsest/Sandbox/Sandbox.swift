import CPalimpsest
import GuestABI
import MicroVM
import Synchronization

/// A guest in a micro-VM of its own, whose functions can be called.
///
///     let sandbox = try Sandbox(guest: .file("greeter.elf"))
///     let greeting: String = try sandbox.call("sayHello", "World")
///
/// One caller at a time: a sandbox is not `Sendable`, and a second call while one runs, from another thread or
/// from a host function, is refused with `SandboxError.callInProgress`. Only `InterruptHandle` is for other threads.
///
/// The guest is untrusted: whatever it does ends in a result or a typed error. After a fault, a deadline or an
/// interrupt the sandbox is `poisoned` and takes no more calls until it is restored to a snapshot.
public final class Sandbox {
    private static let lastID = Atomic<UInt64>(0)

    /// Tells this sandbox from every other one of this process: 1 or more, never used again. In the metadata of its log
    /// lines.
    public let id: UInt64
    package let machine: SandboxMachine
    package let control: CallControl
    package let hostFunctions: HostFunctions
    package let configuration: SandboxConfiguration
    package let log: GuestLog
    /// Runs the vCPU if the guest resets its registers itself.
    package let resident: ResidentProcessor?
    package var program: GuestProgram
    package let rollback: Rollback
    var counters = SandboxStatistics()
    /// Where names and signatures of host calls that cross pages are put together.
    let requestBuffer = RequestBuffer()
    var pendingHostError = PendingHostError()
    /// Bytes of the mailbox's data area that the arguments of the running call take.
    var argumentByteCount = 0

    /// The function that runs, or ran last, by its place among the exports; -1 for the initialisers.
    var runningExport = -1
    /// The last fault, and how many calls there had been by then.
    var lastFaultOfCall: (fault: GuestFault, calls: UInt64)?

    /// Bytes of the mailbox that the host has written since the last rollback.
    var hostWrittenByteCount = 0

    // Stored privately: of what others can reach, every access would be checked at run time (exclusivity).
    private var currentStatus = SandboxStatus.ready
    private var latestRollback: RollbackReport?
    private var currentObserver: SandboxObserver?
    private var currentDebugger: (any ExitInterceptor)?
    private var currentStartingPoint: GuestVirtualAddress?

    /// What it can be asked to do. Changes by `poison`, `markUnrecoverable` and `markReady`, and by nothing else.
    public var status: SandboxStatus { currentStatus }

    /// What the last `restore` did; nil before the first.
    public internal(set) var lastRollback: RollbackReport? {
        get { latestRollback }
        set { latestRollback = newValue }
    }

    /// What looks on; nil, as a rule.
    var observer: SandboxObserver? {
        get { currentObserver }
        set { currentObserver = newValue }
    }

    /// Answers exits while a call is debugged; nil, as a rule.
    package var debugger: (any ExitInterceptor)? {
        get { currentDebugger }
        set { currentDebugger = newValue }
    }

    /// Where the guest was entered, as long as nobody could tell if it were entered there once more: it has called no
    /// host function and logged nothing, and has not been entered twice.
    var startingPoint: GuestVirtualAddress? {
        get { currentStartingPoint }
        set { currentStartingPoint = newValue }
    }

    /// What the guest registered, in its order.
    public var exports: [GuestExport] { program.exports }
    @usableFromInline package var image: ImageIdentity { program.identity }

    /// How `restore` brings pages back.
    public var rollbackStrategy: RollbackStrategy {
        get { rollback.strategy }
        set { rollback.strategy = newValue }
    }

    /// Loads a guest and runs its initialisers.
    /// - Throws: `SandboxError`: `machine`, `invalidConfiguration`, `guestFileUnreadable`, `invalidGuest`,
    ///   `abiVersionMismatch`, `noExports`, `invalidExport`; and if the initialisers fail, what a call would throw.
    public convenience init(
        guest: GuestSource, configuration: SandboxConfiguration = .init(), hostFunctions: HostFunctions = .init()
    ) throws(SandboxError) {
        try configuration.validate()
        let elf = try Sandbox.image(guest)
        let program = GuestProgram(
            exports: [], symbols: LazySymbols(elf), name: guest.name, file: GuestFile(path: guest.path, elf))
        let memory = try Sandbox.memory(elf, configuration)
        try self.init(memory, program, configuration, hostFunctions)
        self.program = program.exporting(try initialize(entry: elf.entry))
    }

    /// A new sandbox in the state of a snapshot: no ELF is read and no initialiser runs.
    ///
    /// Takes the virtual machine of a sandbox that is gone, if there is one.
    /// - Parameters:
    ///   - snapshot: of any sandbox, of this process or from a store.
    ///   - configuration: all but the sizes, which are the snapshot's.
    ///   - hostFunctions: at least those of the sandbox that the snapshot was taken of.
    /// - Throws: `SandboxError.hostFunctionRequired`, `mappedFileChanged`, `mappedFileUnreadable`, `machine`,
    ///   `invalidConfiguration` (of `registerReset` or `coreDump`).
    public convenience init(
        from snapshot: Snapshot, configuration: SandboxConfiguration = .init(), hostFunctions: HostFunctions = .init()
    ) throws(SandboxError) {
        try configuration.validateBehaviour()
        try hostFunctions.check(snapshot.requiredHostFunctions)
        try Sandbox.checkFiles(snapshot.memory)
        try self.init(snapshot.memory, snapshot.program, configuration, hostFunctions)
    }

    private init(
        _ memory: MemoryImage, _ program: GuestProgram, _ configuration: SandboxConfiguration,
        _ hostFunctions: HostFunctions
    ) throws(SandboxError) {
        self.program = program
        self.configuration = configuration
        self.hostFunctions = hostFunctions
        currentObserver = SandboxObserver(telemetry: configuration.telemetry).ifNeeded
        rollback = Rollback(
            strategy: configuration.rollbackStrategy, keepsPagesReady: configuration.copiesWriteSet)
        id = Sandbox.lastID.add(1, ordering: .relaxed).newValue
        log = GuestLog(configuration, sandbox: id, guest: program.name)
        do throws(GuestMemoryError) {
            machine = try SandboxMachine(memory, copying: configuration.writeSet(of: memory))
        } catch {
            throw SandboxError(error)
        }
        do throws(MachineError) {
            resident = try configuration.residency.map { (residency) throws(MachineError) in
                try ResidentProcessor(residency.limits)
            }
            control = try CallControl(vcpu: machine.vcpu.state, resident: resident)
            try Watchdog.shared.add(control)
        } catch {
            throw .machine(error)
        }
    }

    deinit {
        Watchdog.shared.remove(control)
        endResidence()
        resident?.end()
        learnLastWrites()
    }

    // MARK: - Status

    /// The guest's memory is in no known state: only a restore helps. Does not make an `unrecoverable` sandbox better.
    package func poison() {
        if currentStatus == .ready { currentStatus = .poisoned }
    }

    /// The virtual machine is not to be trusted.
    /// - Parameter keepsMachine: it is in the middle of a change that makes it one to be trusted again, if it succeeds.
    package func markUnrecoverable(keepsMachine: Bool = false) {
        if !keepsMachine { machine.isBroken = true }
        currentStatus = .unrecoverable
    }

    /// Memory and machine are as a call may find them.
    func markReady() { currentStatus = .ready }

    // MARK: - What can be asked for

    /// Stops calls of this sandbox from other threads.
    public var interruptHandle: InterruptHandle { InterruptHandle(control: control) }

    /// The guest's memory, region by region, in address order.
    public var regions: [GuestRegion] { machine.regions }

    public var statistics: SandboxStatistics {
        var statistics = counters
        statistics.pagesCopied = machine.copiedPageCount
        return statistics
    }

    private static func image(_ guest: GuestSource) throws(SandboxError) -> ELFImage {
        let bytes = try guest.load()
        let image: ELFImage
        do throws(GuestImageError) {
            image = try ELFImage(bytes)
        } catch {
            throw .invalidGuest(error)
        }
        guard image.abiVersion == UInt32(PAL_ABI_VERSION) else {
            throw .abiVersionMismatch(guest: image.abiVersion, host: UInt32(PAL_ABI_VERSION))
        }
        return image
    }

    private static func memory(
        _ elf: ELFImage, _ configuration: SandboxConfiguration
    ) throws(SandboxError) -> MemoryImage {
        do {
            return try MemoryImage(elf, sizes: configuration.scratchSizes)
        } catch let error as MachineError {
            throw .machine(error)
        } catch {
            throw .unrecoverable(reason: "\(error)")
        }
    }

    /// Closes the virtual machines kept for new sandboxes: at most 16, up to 0.8 MiB of the kernel's memory each.
    public static func releaseIdleMachines() { ShellCache.shared.removeAll() }

    // MARK: - Functions

    /// A handle of the function `name`, checked to be of type `type`.
    ///
    ///     let add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
    ///     let sum = try sandbox.call(add, 1, 2)
    /// - Throws: `SandboxError.unknownFunction` or `signatureMismatch`.
    public func function<Result: GuestValue, each Argument: GuestValue>(
        _ name: String, as type: ((repeat each Argument) -> Result).Type
    ) throws(SandboxError) -> GuestFunction<Result, repeat each Argument> {
        try program.function(name)
    }

    /// A handle of a function without result.
    public func function<each Argument: GuestValue>(
        _ name: String, as type: ((repeat each Argument) -> Void).Type
    ) throws(SandboxError) -> GuestFunction<Void, repeat each Argument> {
        try program.function(name)
    }
}
