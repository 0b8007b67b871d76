import CPalimpsest
import GuestABI
import Logging
import MicroVM
import Synchronization

/// Snapshots, and the way back to them.
extension Sandbox {
    /// The guest's state as it is now, between two calls. Changes nothing the guest could see.
    ///
    /// Costs a look at every page that calls have written since the sandbox got its page tables; those that are not as
    /// the last snapshot has them are copied into a new layer, all else is shared. From here on the sandbox is attached
    /// to the new snapshot: restoring it costs least.
    /// - Throws: `SandboxError.callInProgress`, `poisoned`, `unrecoverable`, `snapshotTooLarge`, `machine` (no memory).
    ///   The sandbox is as it was.
    public func snapshot() throws(SandboxError) -> Snapshot {
        try reserve()
        defer { control.end() }
        let start = observer == nil ? 0 : pal_monotonic_nanoseconds()
        endResidence()
        trackHostWrites()
        let image: MemoryImage
        do throws(Capture.Failure) {
            image = try Capture.image(of: machine.memory)
        } catch {
            switch error {
            case .machine(let error): throw .machine(error)
            case .tooLarge(let byteCount, let limit): throw .snapshotTooLarge(byteCount: byteCount, limit: limit)
            }
        }
        if image !== machine.memory.image { adopt(image) }
        observer?.tookSnapshot(since: start)
        return Snapshot(
            memory: image, program: program,
            requiredHostFunctions: hostFunctions.functions.map { .init(name: $0.name, signature: $0.signature) })
    }

    /// Brings the guest back to a snapshot: every byte of its memory, its regions, its mapped files. Registers need
    /// nothing: every call starts from the same ones. Only entropy and generation are new.
    ///
    /// A snapshot of this sandbox's, of another one's, an older or a younger one: any will do. The snapshot it is
    /// attached to costs the pages written and no system call; a relative of it the same, if nothing but written pages
    /// differs; any other one, new page tables and a slot change.
    /// - Returns: what was done.
    /// - Throws: `SandboxError.callInProgress`, `hostFunctionRequired`, `mappedFileChanged` (not for the snapshot it is
    ///   attached to, whose files it has mapped: of those only what has become shorter is refused, as unreadable, and
    ///   only until it has its length again): nothing has changed. `mappedFileUnreadable`, `ringUnavailable`,
    ///   `machine`, `invalidConfiguration` (scratch too small): the status is `poisoned` or `unrecoverable`, and
    ///   restoring can be tried again.
    ///
    /// Afterwards the status is `ready`, whatever it was: a virtual machine that could not be trusted is replaced.
    @discardableResult
    public func restore(_ snapshot: Snapshot) throws(SandboxError) -> RollbackReport {
        guard control.reserve() else { throw .callInProgress }
        defer { control.end() }
        if let observer {
            return try observer.aroundRollback(in: self) { () throws(SandboxError) in try bringBack(to: snapshot) }
        }
        return try bringBack(to: snapshot)
    }

    /// As `restore`, once the sandbox is claimed.
    private func bringBack(to snapshot: Snapshot) throws(SandboxError) -> RollbackReport {
        let isAttached = snapshot.memory === machine.memory.image
        if !(isAttached && canStayResident) { endResidence() }
        if status != .ready { settle() }
        let report = isAttached && !machine.isBroken ? try rollBack() : try move(to: snapshot)
        machine.refreshEntropy()
        markReady()
        counters.rollbacks &+= 1
        counters.pagesRestored &+= UInt64(report.pages)
        lastRollback = report
        return report
    }

    /// Whether a rollback can leave registers to the guest's code.
    private var canStayResident: Bool {
        guard let resident else { return false }
        return status == .ready && resident.isWaiting && !resident.isFullRestoreDue
    }

    /// Claims the sandbox for something that is not a call.
    package func reserve() throws(SandboxError) {
        guard control.reserve() else { throw .callInProgress }
        if let error = statusError {
            control.end()
            throw error
        }
    }

    /// Why the status allows nothing but to restore; nil if it is `ready`.
    var statusError: SandboxError? {
        switch status {
        case .ready: nil
        case .poisoned: .poisoned
        case .unrecoverable: .unrecoverable(reason: "an earlier call broke it")
        }
    }

    /// What a call that did not end may have left under way in KVM.
    func settle() {
        if !machine.isBroken, !machine.vcpu.settle() { machine.isBroken = true }
    }

    /// What arguments and results the host has put into the mailbox no dirty bit tells.
    private func trackHostWrites() {
        machine.memory.trackMailbox(byteCount: hostWrittenByteCount)
        hostWrittenByteCount = 0
    }

    // MARK: - The same snapshot

    private func rollBack() throws(SandboxError) -> RollbackReport {
        if hostWrittenByteCount <= machine.memory.trackedMailboxByteCount,
            rollback.repeatLast(machine.memory.writtenVersion)
        {
            return RollbackReport(
                strategy: .copy, pages: machine.memory.tracked.pageCount, newPages: 0,
                isFull: resident?.isInside != true)
        }
        let new = collectWrites()
        learnWriteSet(new)
        return try bringBack(newPageCount: new.count)
    }

    /// The last that a sandbox does: what its calls have written since the last rollback helps those that come.
    func learnLastWrites() {
        if !machine.isBroken { learnWriteSet(collectWrites()) }
    }

    private func learnWriteSet(_ new: [GuestVirtualAddress]) {
        guard configuration.copiesWriteSet else { return }
        machine.memory.learnWriteSet(new, callsEndedWell: status == .ready)
    }

    /// Lists everything that was written: by the guest, and by the host for it.
    private func collectWrites() -> [GuestVirtualAddress] {
        trackHostWrites()
        return machine.memory.collect()
    }

    private func bringBack(newPageCount: Int) throws(SandboxError) -> RollbackReport {
        let memory = machine.memory
        let pageCount = memory.tracked.pageCount
        let strategy: RollbackStrategy
        do throws(RollbackError) {
            strategy = try rollback.restore(memory)
        } catch {
            poison()
            noticeRingFailure()
            throw failure(error)
        }
        noticeRingFailure()
        if strategy == .replace { try replace(with: memory.image, copying: rollback.pagesToKeepReady(memory)) }
        return RollbackReport(
            strategy: strategy, pages: pageCount, newPages: newPageCount, isFull: resident?.isInside != true)
    }

    private static let isRingFailureNoticed = Atomic<Bool>(false)

    /// Said once a process.
    private func noticeRingFailure() {
        guard let error = rollback.ringFailure, !Sandbox.isRingFailureNoticed.exchange(true, ordering: .relaxed) else {
            return
        }
        Logger(label: "palimpsest").notice("io_uring is not available, rollbacks copy instead: \(error)")
    }

    private func failure(_ error: RollbackError) -> SandboxError {
        switch error {
        case .ringUnavailable(let error): .ringUnavailable(error)
        case .fileUnreadable(let reason):
            .mappedFileUnreadable(
                path: machine.memory.image.shortenedFile ?? mappedFiles.map(\.path).joined(separator: ", "),
                reason: reason)
        }
    }

    // MARK: - Another snapshot

    private func move(to snapshot: Snapshot) throws(SandboxError) -> RollbackReport {
        try hostFunctions.check(snapshot.requiredHostFunctions)
        let memory = machine.memory
        let newPageCount = machine.isBroken ? 0 : collectWrites().count
        let report: RollbackReport
        if !machine.isBroken, rollback.strategy != .replace, memory.coversDifferences(from: snapshot.memory) {
            adopt(snapshot.memory)
            report = try bringBack(newPageCount: newPageCount)
        } else {
            try checkFiles(of: snapshot)
            report = RollbackReport(
                strategy: .replace, pages: memory.tracked.pageCount, newPages: newPageCount, isFull: true)
            try replace(with: snapshot.memory, copying: configuration.writeSet(of: snapshot.memory))
        }
        program = snapshot.program
        log.guest = program.name
        return report
    }

    private func adopt(_ image: MemoryImage) {
        rollback.startOver()
        machine.memory.adopt(image)
    }

    private func replace(
        with image: MemoryImage, copying ahead: [GuestVirtualAddress]
    ) throws(SandboxError) {
        markUnrecoverable(keepsMachine: true)
        endResidence()
        rollback.startOver()
        // Whatever comes of it: the machine may be another one already.
        defer {
            control.attach(machine.vcpu.state)
            resident?.forget()
        }
        do throws(GuestMemoryError) { try machine.replace(with: image, copying: ahead) } catch {
            throw SandboxError(error)
        }
    }

    /// What it has mapped already shows changes whatever is checked here, and is looked at for what would cost the next
    /// call its machine: pages that are gone. Once they are back, the sandbox can be restored.
    private func checkFiles(of snapshot: Snapshot) throws(SandboxError) {
        guard snapshot.memory === machine.memory.image else { return try Sandbox.checkFiles(snapshot.memory) }
        if let file = snapshot.memory.files.first(where: \.isShortened)?.file {
            throw .mappedFileUnreadable(path: file.path, reason: "it is shorter than when it was mapped")
        }
    }

    /// - Throws: `mappedFileChanged` for the first file that is not what it was.
    package static func checkFiles(_ image: MemoryImage) throws(SandboxError) {
        for file in image.files.compactMap(\.file) {
            if let change = file.change() { throw .mappedFileChanged(path: file.path, reason: change) }
        }
    }
}
