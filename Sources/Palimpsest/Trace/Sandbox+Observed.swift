import CPalimpsest
import GuestABI
import Logging
import MicroVM

/// The same steps as without an observer, with one looking on.
extension Sandbox {
    /// As `enterGuest`.
    func enterGuest(
        _ export: GuestExport, observedBy observer: SandboxObserver
    ) throws(SandboxError) -> GuestValueDecoder {
        let beginning = observer.callBegan(export.name, count: nil, in: self)
        do throws(SandboxError) {
            let decoder = try enterGuest(export)
            observer.callEnded(export.name, count: nil, nil, beginning, in: self)
            return decoder
        } catch {
            observer.callEnded(export.name, count: nil, error, beginning, in: self)
            throw error
        }
    }

    /// As `VirtualCPU.run`.
    func runObserved(by observer: SandboxObserver) -> GuestExit {
        let start = pal_monotonic_nanoseconds()
        let exit = machine.vcpu.run()
        observer.record(.guest(exit: TraceExit(exit)), since: start)
        return exit
    }

    /// As `handle`.
    package func handle(_ exit: GuestExit, observedBy observer: SandboxObserver) throws(SandboxError) {
        switch exit {
        case .pageFault: try handlePageFault(observedBy: observer)
        case .hostCall: try handleHostCall(observedBy: observer)
        case .log: try handleLog(observedBy: observer)
        case .returned, .ready, .abort, .exception, .forbiddenPort, .interrupted, .lost: try handle(exit)
        }
    }

    // MARK: - Exits

    private func handlePageFault(observedBy observer: SandboxObserver) throws(SandboxError) {
        let start = pal_monotonic_nanoseconds()
        var fault = pageFault
        let copied = machine.copiedPageCount
        defer {
            fault.pagesCopied = Int(machine.copiedPageCount &- copied)
            observer.record(.pageFault(fault), since: start)
        }
        do throws(SandboxError) {
            try handle(.pageFault)
        } catch {
            fault.cause = .refused
            throw error
        }
    }

    /// The page fault that the guest has just left for, before anything is done about it.
    private var pageFault: TracePageFault {
        let (frame, address) = (machine.exceptionFrame, GuestVirtualAddress(rawValue: machine.vcpu.faultAddress))
        let access: TracePageFault.Access =
            switch PageFaultCode(rawValue: frame.errorCode).neededAccess {
            case .execute: .execute
            case .write: .write
            default: .read
            }
        let entry = machine.memory.tables.leaf(address.page).map { PageTableEntry(rawValue: $0.pointee) } ?? .absent
        let cause: TracePageFault.Cause =
            !entry.isPresent ? .firstTouch : access == .write && entry.isCopyOnWrite ? .copyOnWrite : .stale
        return TracePageFault(
            address: address.rawValue, access: access, cause: cause,
            region: machine.memory.mapping(at: address)?.region.label.rawValue, pagesCopied: 0,
            instruction: frame.instruction)
    }

    private func handleHostCall(observedBy observer: SandboxObserver) throws(SandboxError) {
        try observer.aroundHostCall(hostCallName) { () throws(SandboxError) in
            try handle(.hostCall)
            return TraceHostOutcome(status: machine.mailbox.pointee.host_call.status)
        }
    }

    /// The name that the guest calls, registered or not; as far as it can be read.
    package var hostCallName: String {
        let name = machine.mailbox.pointee.host_call.name
        let isShort = GuestSpan(name).byteCount.count(upTo: Int(PAL_MAX_NAME_BYTES)) != nil
        return (isShort ? message(name) : nil) ?? "(unreadable name)"
    }

    private func handleLog(observedBy observer: SandboxObserver) throws(SandboxError) {
        let line = machine.mailbox.pointee.message
        try recordLog(line.text, level: line.level, observedBy: observer) { () throws(SandboxError) in
            try handle(.log)
        }
    }

    /// Records a line that `write` writes, or does not.
    func recordLog<Failure>(
        _ text: pal_span, level: UInt32, observedBy observer: SandboxObserver, _ write: () throws(Failure) -> Void
    ) throws(Failure) {
        let start = pal_monotonic_nanoseconds()
        let written = log.writtenLineCount
        try write()
        let beginning = GuestSpan(text).prefix(SandboxObserver.maximumTextByteCount)
        guard let shown = message(beginning) else { return }
        let isLogged = log.writtenLineCount != written
        observer.record(.log(level: GuestLog.level(level), text: shown, isLogged: isLogged), since: start)
    }
}
