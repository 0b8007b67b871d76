import CPalimpsest
import Logging
import MicroVM

/// Sizes and limits of a sandbox. Memory is sparse: what a guest does not touch costs nothing.
///
/// Sizes are in bytes, and must be multiples of the page size (4,096).
public struct SandboxConfiguration: Sendable {
    /// What the guest's allocator may hand out: 64 KiB to 8 GiB.
    public var heapByteCount: Int
    /// The guest's stack, with guard pages below and above: 16 KiB to 64 MiB.
    public var stackByteCount: Int
    /// String and byte arguments of one call, and the largest result: 8 KiB to 64 MiB. 1 KiB of it is the header.
    public var mailboxByteCount: Int
    /// Page tables, and copies of the image's pages that the guest writes to: 1 MiB to 4 GiB. A call can count on half
    /// of what the image's own tables leave: a rollback that finds less starts again from the snapshot's tables.
    public var scratchByteCount: Int
    /// How `Sandbox.restore` brings pages back.
    public var rollbackStrategy: RollbackStrategy
    /// Whether a sandbox copies the pages that earlier calls wrote, of whatever sandbox of the snapshot, before its own
    /// first call, which then takes few traps or none; and adds those that its own calls write.
    ///
    /// A guest can measure which pages are copied already. With `false`, and the strategy `replace`, nothing tells it
    /// what earlier calls wrote: see docs/security.md.
    public var copiesWriteSet: Bool
    /// Who puts registers back between calls. By default the host; anything else is for guests that are trusted not to
    /// be taken over.
    public var registerReset: RegisterReset
    /// How long the guest's initialisers may take.
    public var initializationTimeLimit: Duration
    /// What is done about a guest that has faulted, while it still is as it was; nil, as by default, is nothing.
    package var faultRecorder: (any FaultRecorder)?
    /// Where the guest's log lines go, with `sandbox` (`Sandbox.id`), `function`, and, if it has a name, `guest` as
    /// metadata. Lines below the logger's level cost the guest an exit, and nothing else.
    public var logger: Logger
    /// How much of them; nil is all. What is dropped is counted, and reported as soon as there is room again and at the
    /// end of the call, there at most once a second.
    public var logLimit: GuestLogLimit?
    /// What this sandbox may log together with others; nil is no limit. A pool sets it for its own.
    public var logBudget: GuestLogBudget?
    /// Where calls, host functions and rollbacks are reported; nil is nowhere.
    public var telemetry: SandboxTelemetry?

    public static let heapRange = ScratchLayout.Sizes.heapRange
    public static let stackRange = ScratchLayout.Sizes.stackRange
    public static let mailboxRange = ScratchLayout.Sizes.mailboxRange
    public static let scratchRange = ScratchLayout.Sizes.poolRange

    public init(
        heapByteCount: Int = 64 << 20, stackByteCount: Int = 1 << 20, mailboxByteCount: Int = 1 << 20,
        scratchByteCount: Int = 64 << 20, rollbackStrategy: RollbackStrategy = .automatic, copiesWriteSet: Bool = true,
        registerReset: RegisterReset = .byHost,
        initializationTimeLimit: Duration = .seconds(10),
        logger: Logger = Logger(label: "palimpsest.guest"), logLimit: GuestLogLimit? = GuestLogLimit(),
        logBudget: GuestLogBudget? = nil, telemetry: SandboxTelemetry? = nil
    ) {
        self.heapByteCount = heapByteCount
        self.stackByteCount = stackByteCount
        self.mailboxByteCount = mailboxByteCount
        self.scratchByteCount = scratchByteCount
        self.rollbackStrategy = rollbackStrategy
        self.copiesWriteSet = copiesWriteSet
        self.registerReset = registerReset
        self.initializationTimeLimit = initializationTimeLimit
        self.logger = logger
        self.logLimit = logLimit
        self.logBudget = logBudget
        self.telemetry = telemetry
    }

    /// - Throws: `SandboxError.invalidConfiguration`, naming the first size that is out of range.
    package func validate() throws(SandboxError) {
        let sizes = [
            ("heapByteCount", heapByteCount, SandboxConfiguration.heapRange),
            ("stackByteCount", stackByteCount, SandboxConfiguration.stackRange),
            ("mailboxByteCount", mailboxByteCount, SandboxConfiguration.mailboxRange),
            ("scratchByteCount", scratchByteCount, SandboxConfiguration.scratchRange),
        ]
        for (name, value, range) in sizes where !range.contains(value) || !value.isPageAligned {
            throw .invalidConfiguration(
                name: name, value: value,
                expected: "\(range.lowerBound) to \(range.upperBound), a multiple of \(pageByteCount)")
        }
        guard initializationTimeLimit > .zero else {
            throw .invalidConfiguration(
                name: "initializationTimeLimit", value: Int(initializationTimeLimit.components.seconds),
                expected: "a time above zero")
        }
        try validateBehaviour()
    }

    /// All but the sizes.
    func validateBehaviour() throws(SandboxError) {
        try residency?.validate()
        try logLimit?.validate("logLimit")
        try faultRecorder?.validate()
    }

    var residency: Residency? {
        if case .byGuest(let residency) = registerReset { residency } else { nil }
    }

    var scratchSizes: ScratchLayout.Sizes {
        .init(
            mailbox: mailboxByteCount, stack: stackByteCount, zeroData: 0, heap: heapByteCount, pool: scratchByteCount)
    }

    /// The pages a new sandbox copies ahead.
    package func writeSet(of image: MemoryImage) -> [GuestVirtualAddress] {
        copiesWriteSet ? image.writeSet.sorted : []
    }
}
