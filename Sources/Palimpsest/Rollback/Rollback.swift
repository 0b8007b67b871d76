import CPalimpsest

/// Brings an address space back to its image, by the strategy it was given or, if that is `automatic`, by the one that
/// is cheapest where it is.
///
/// The hot path is `copy`: one pass over runs that were worked out before. It allocates nothing, takes no lock and
/// makes no system call.
struct Rollback {
    var strategy: RollbackStrategy
    private let ring = RingRestorer()
    private var residency = ResidencyCheck()
    private var idlePages = IdlePages()

    init(strategy: RollbackStrategy) { self.strategy = strategy }

    /// Restores every written page.
    /// - Returns: what was done; `replace` if that is still to be done, by the owner of the virtual machine.
    mutating func restore(_ memory: AddressSpace) throws(RollbackError) -> RollbackReport {
        let new = memory.collect()
        let chosen = choose(memory)
        switch chosen {
        case .ioUring: try ring.restore(memory.tracked.runs)
        case .replace: break
        case .copy, .automatic:
            try CopyRestorer.restore(memory.tracked.runs)
            ring.noteUnused()
        }
        return RollbackReport(strategy: chosen, pages: memory.tracked.pageCount, newPages: new)
    }

    private mutating func choose(_ memory: AddressSpace) -> RollbackStrategy {
        guard strategy == .automatic else { return strategy }
        if idlePages.shouldBeShed(memory) { return .replace }
        guard memory.tracked.hasFileRuns, residency.callsForRing(memory.tracked.runs), ring.isAvailable else {
            return .copy
        }
        return .ioUring
    }

    /// The pages to keep ready when the rest is shed: those that calls still write.
    func activePages(_ memory: AddressSpace) -> [GuestVirtualAddress] {
        strategy == .automatic ? memory.tracked.active(rounds: IdlePages.rounds) : memory.tracked.addresses
    }
}
