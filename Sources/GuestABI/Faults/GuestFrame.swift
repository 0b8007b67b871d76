import MicroVM

/// One function of a guest's backtrace. All but the addresses is what the guest's own file says, with control
/// characters escaped: it may lie.
public struct GuestFrame: Sendable, Hashable, CustomStringConvertible {
    /// The instruction that faulted; in a caller, the one behind the call.
    public let address: UInt64
    /// The function's symbol, as the linker has it: at most 512 bytes of it.
    public let symbol: String?
    /// Bytes from the symbol to `address`.
    public let offset: UInt64?
    /// The source file, as it was named to the compiler, and the line in it, from 1; nil without debug information, and
    /// for snapshots from a store, which keep names only.
    public let file: String?
    public let line: Int?

    package init(address: UInt64, symbol: String?, offset: UInt64?, file: String?, line: Int?) {
        self.address = address
        self.symbol = symbol
        self.offset = offset
        self.file = file
        self.line = line
    }

    /// The function's name as its author writes it: for Swift, without types.
    public var function: String? { symbol.map { SwiftName.readable($0) ?? $0 } }

    /// `parse_header+0x1c (parse.c:42)`; the address if nothing is known of it.
    public var description: String { function.map { place($0) } ?? hex(address) }

    /// As a sentence has it: the name in quotes.
    var quoted: String { function.map { place("`\($0)`") } ?? hex(address) }

    private func place(_ name: String) -> String {
        var text = name
        if let offset, offset > 0 { text += "+\(hex(offset))" }
        if let file, let line { text += " (\(file.split(separator: "/").last ?? ""):\(line))" }
        return text
    }
}

extension GuestFrame {
    /// The instruction that an address of a backtrace is about. The address of a caller is behind its call, which may
    /// be the function's last instruction.
    package static func instruction(at address: GuestVirtualAddress, isCaller: Bool) -> GuestVirtualAddress {
        isCaller ? address + -1 : address
    }

    /// - Parameter places: what is known of instructions.
    package init(
        _ address: GuestVirtualAddress, isCaller: Bool, _ places: [GuestVirtualAddress: LazySymbols.Place]
    ) {
        let place = places[GuestFrame.instruction(at: address, isCaller: isCaller)]
        // From the symbol to the address itself: one more than to the instruction, if that is the call.
        let offset = place?.symbol.map { isCaller ? $0.offset &+ 1 : $0.offset }
        self.init(
            address: address.rawValue, symbol: place?.symbol?.name, offset: offset, file: place?.line?.file,
            line: place?.line?.line)
    }
}
