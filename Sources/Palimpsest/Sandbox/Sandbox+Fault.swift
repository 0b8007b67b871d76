/// What a fault's report has beside what the processor says: names, lines, callers.
extension Sandbox {
    /// Looks at the guest's memory and at its symbols. Both may lie.
    func fault(
        _ kind: GuestFault.Kind, vector: UInt8? = nil, errorCode: UInt64? = nil, address: UInt64? = nil,
        _ registers: GuestRegisters
    ) -> SandboxError {
        var fault = GuestFault(
            kind: kind, vector: vector, errorCode: errorCode, address: address, registers: registers,
            isTrap: vector == 6 && isTrapInstruction(at: registers.rip),
            backtrace: backtrace(registers), addressRegion: address.flatMap(region),
            addressSymbol: address.flatMap(program.symbols.table.name))
        fault.core = dumpCore(of: fault)
        lastFaultOfCall = (fault, counters.calls)
        return .fault(fault)
    }

    /// The fault that ended the last call; nil if there has been another one since.
    var lastFault: GuestFault? {
        guard let (fault, call) = lastFaultOfCall, call == counters.calls, status == .poisoned else { return nil }
        return fault
    }

    func backtrace(_ registers: GuestRegisters) -> [GuestFrame] {
        Backtrace.addresses(registers, machine.memory).enumerated().map { index, address in
            GuestFrame(address, isCaller: index > 0, program.symbols)
        }
    }

    private func isTrapInstruction(at address: UInt64) -> Bool {
        (try? machine.memory.bytes(GuestSpan(address: address, byteCount: 2))) == [0x0f, 0x0b]
    }

    private func region(at address: UInt64) -> GuestRegion? {
        machine.memory.mapping(at: GuestVirtualAddress(rawValue: address)).map { GuestRegion($0.region) }
    }
}
