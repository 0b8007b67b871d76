import CPalimpsest

/// A guest in a micro-VM of its own, whose functions can be called.
///
///     let sandbox = try Sandbox(guest: .file("greeter.elf"))
///     let greeting: String = try sandbox.call("sayHello", "World")
///
/// One caller at a time: a sandbox is not `Sendable`, and a second call while one runs, from another thread or
/// from a host function, is refused with `SandboxError.callInProgress`. Only `InterruptHandle` is for other threads.
///
/// The guest is untrusted: whatever it does ends in a result or a typed error. After a fault, a deadline or an
/// interrupt the sandbox is `poisoned` and takes no more calls.
public final class Sandbox {
    let machine: SandboxMachine
    let control: CallControl
    let hostFunctions: HostFunctions
    let configuration: SandboxConfiguration
    let symbols: LazySymbols
    let log: GuestLog
    @usableFromInline let image = ImageIdentity()
    private var exportsByName: [String: GuestExport] = [:]
    var counters = SandboxStatistics()
    /// Where names and signatures of host calls that cross pages are put together.
    let requestBuffer = RequestBuffer()
    /// What a failed host function left behind, in case the guest does not handle it.
    var pendingHostError: SandboxError?
    /// Bytes of the mailbox's data area that the arguments of the running call take.
    var argumentByteCount = 0

    /// What the guest registered, in its order.
    public private(set) var exports: [GuestExport] = []
    public internal(set) var status = SandboxStatus.ready

    /// Loads a guest and runs its initialisers.
    /// - Throws: `SandboxError`: `machine`, `invalidConfiguration`, `guestFileUnreadable`, `invalidGuest`,
    ///   `abiVersionMismatch`, `noExports`, `invalidExport`; and if the initialisers fail, what a call would throw.
    public init(
        guest: GuestSource, configuration: SandboxConfiguration = .init(), hostFunctions: HostFunctions = .init()
    ) throws(SandboxError) {
        try configuration.validate()
        let image = try Sandbox.image(guest)
        self.configuration = configuration
        self.hostFunctions = hostFunctions
        symbols = LazySymbols(image)
        log = GuestLog(logger: configuration.logger)
        machine = try SandboxMachine(image, configuration)
        do throws(MachineError) {
            control = try CallControl(vcpu: machine.vcpu.state)
            try Watchdog.shared.add(control)
        } catch {
            throw .machine(error)
        }
        exports = try initialize(entry: image.entry)
        exportsByName = Dictionary(exports.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    deinit { Watchdog.shared.remove(control) }

    /// Stops calls of this sandbox from other threads.
    public var interruptHandle: InterruptHandle { InterruptHandle(control: control) }

    /// The guest's memory, region by region, in address order.
    public var regions: [GuestRegion] { machine.regions }

    public var statistics: SandboxStatistics {
        var statistics = counters
        statistics.vcpuRuns = machine.vcpu.runCount
        statistics.pagesCopied = machine.memory.copiedPageCount
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

    // MARK: - Functions

    /// A handle of the function `name`, checked to be of type `type`.
    ///
    ///     let add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
    ///     let sum = try sandbox.call(add, 1, 2)
    /// - Throws: `SandboxError.unknownFunction` or `signatureMismatch`.
    public func function<Result: GuestValue, each Argument: GuestValue>(
        _ name: String, as type: ((repeat each Argument) -> Result).Type
    ) throws(SandboxError) -> GuestFunction<Result, repeat each Argument> {
        var arguments: [GuestValueType] = []
        repeat arguments.append((each Argument).guestType)
        return GuestFunction(
            export: try export(name, GuestSignature(result: Result.guestType, arguments: arguments)), image: image)
    }

    /// A handle of a function without result.
    public func function<each Argument: GuestValue>(
        _ name: String, as type: ((repeat each Argument) -> Void).Type
    ) throws(SandboxError) -> GuestFunction<Void, repeat each Argument> {
        var arguments: [GuestValueType] = []
        repeat arguments.append((each Argument).guestType)
        return GuestFunction(
            export: try export(name, GuestSignature(result: .void, arguments: arguments)), image: image)
    }

    func export(_ name: String) throws(SandboxError) -> GuestExport {
        guard let export = exportsByName[name] else {
            throw .unknownFunction(name: name, available: exports.map(\.name))
        }
        return export
    }

    private func export(_ name: String, _ wanted: GuestSignature) throws(SandboxError) -> GuestExport {
        let export = try export(name)
        guard export.signature == wanted else {
            throw .signatureMismatch(function: name, expected: export.signature, found: wanted)
        }
        return export
    }
}
