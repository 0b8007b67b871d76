import GuestABI
import MicroVM

/// What a fault's report has beside what the processor says: names, lines, callers.
extension Sandbox {
    /// Looks at the guest's memory and at its symbols. Both may lie.
    package func fault(
        _ kind: GuestFault.Kind, vector: UInt8? = nil, errorCode: UInt64? = nil, address: UInt64? = nil,
        _ registers: GuestRegisters
    ) -> SandboxError {
        let faultAddress = address.map(GuestVirtualAddress.init)
        let chain = Backtrace.addresses(registers, machine.memory)
        let instructions = chain.enumerated().map { GuestFrame.instruction(at: $1, isCaller: $0 > 0) }
        // All at once: a look-up goes through everything that the guest's file has.
        let places = program.symbols.places(of: instructions + [faultAddress].compactMap { $0 })
        var fault = GuestFault(
            kind: kind, vector: vector, errorCode: errorCode, address: address, registers: registers,
            isTrap: vector == 6 && isTrapInstruction(at: registers.rip),
            backtrace: chain.enumerated().map { GuestFrame($1, isCaller: $0 > 0, places) },
            addressRegion: faultAddress.flatMap(region),
            addressSymbol: faultAddress.flatMap { places[$0]?.symbol?.description })
        fault.core = configuration.faultRecorder?.record(fault, of: self)
        lastFaultOfCall = (fault, counters.calls)
        return .fault(fault)
    }

    /// The fault that ended the last call; nil if there has been another one since.
    package var lastFault: GuestFault? {
        guard let (fault, call) = lastFaultOfCall, call == counters.calls, status == .poisoned else { return nil }
        return fault
    }

    private func isTrapInstruction(at address: UInt64) -> Bool {
        (try? machine.memory.bytes(GuestSpan(address: address, byteCount: 2))) == [0x0f, 0x0b]
    }

    private func region(at address: GuestVirtualAddress) -> GuestRegion? {
        machine.memory.mapping(at: address).map { GuestRegion($0.region) }
    }
}
