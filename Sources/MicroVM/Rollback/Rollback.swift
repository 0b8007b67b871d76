import CPalimpsest

/// Brings an address space back to its image, by the strategy it was given or, if that is `automatic`, by the one that
/// is cheapest where it is.
///
/// The hot path is `repeatLast`: one pass over what was worked out before. It allocates nothing, takes no lock and
/// makes no system call.
package final class Rollback {
    package var strategy: RollbackStrategy { didSet { plan.discard() } }
    private let ring = RingRestorer()
    private var residency = ResidencyCheck()
    private var idlePages = IdlePages()
    private let plan = RollbackPlan()
    private let keepsPagesReady: Bool

    /// - Parameter keepsPagesReady: whether `replace`, when it is asked for, copies ahead what earlier calls wrote.
    package init(strategy: RollbackStrategy, keepsPagesReady: Bool) {
        self.strategy = strategy
        self.keepsPagesReady = keepsPagesReady
    }

    /// Why this process was refused a ring; nil as long as it has not been.
    package var ringFailure: MachineError? { ring.failure }

    /// Prepares for `repeatLast`: for when a guest runs and there is nothing else to do.
    package func prefetch() { plan.prefetch() }

    /// Does what the last rollback did, if that was to copy and calls have written no page that it did not bring back.
    /// - Returns: false, and nothing done, otherwise: collect what was written, and `restore`.
    package func repeatLast(_ version: AddressSpace.WrittenVersion) -> Bool {
        guard !idlePages.isLookDue, plan.follow(version) else { return false }
        idlePages.noteRollback()
        return true
    }

    /// Restores every written page; all of them are on the list.
    /// - Returns: how it was done; `replace` if it is still to be done, by the owner of the virtual machine.
    package func restore(_ memory: AddressSpace) throws(RollbackError) -> RollbackStrategy {
        let chosen = choose(memory)
        switch chosen {
        case .ioUring: return try readOrCopy(memory.tracked)
        case .replace: break
        case .copy, .automatic:
            try CopyRestorer.restore(memory.tracked)
            ring.noteUnused()
            if isPlannable(memory) { plan.update(memory) }
        }
        return chosen
    }

    /// Whether the next rollback can be the same copies again, with nothing else to think of.
    private func isPlannable(_ memory: AddressSpace) -> Bool {
        !memory.tracked.hasFileRuns && memory.tracked.pageCount < CopyRestorer.streamingPageCount && !ring.isOpen
            && !memory.isListInherited
    }

    /// By the ring; by copies if the ring fails and nobody insisted on it: they write every page again.
    private func readOrCopy(_ tracked: TrackedPages) throws(RollbackError) -> RollbackStrategy {
        do throws(RollbackError) {
            try ring.restore(tracked)
            return .ioUring
        } catch {
            guard strategy == .automatic else { throw error }
            try CopyRestorer.restore(tracked)
            return .copy
        }
    }

    /// To be called before the memory gets another image or other scratch: nothing of the old is held on to.
    package func startOver() {
        plan.discard()
        ring.release()
        idlePages = IdlePages()
    }

    private func choose(_ memory: AddressSpace) -> RollbackStrategy {
        // Whatever the strategy: what earlier calls have used up is not to be missing in later ones.
        if memory.isPoolScarce { return .replace }
        guard strategy == .automatic else { return strategy }
        if idlePages.shouldBeShed(memory) { return .replace }
        guard memory.tracked.hasFileRuns, residency.callsForRing(memory.tracked.runs), ring.isAvailable else {
            return .copy
        }
        return .ioUring
    }

    /// The pages that are copied ahead after a `replace`: those that calls still write; none if they were too many.
    package func pagesToKeepReady(_ memory: AddressSpace) -> [GuestVirtualAddress] {
        if memory.isPoolScarce { return [] }
        if strategy == .automatic { return memory.tracked.active(rounds: IdlePages.rounds) }
        return keepsPagesReady ? memory.tracked.addresses : []
    }
}
