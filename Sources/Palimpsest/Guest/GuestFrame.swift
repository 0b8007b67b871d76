/// One function of a guest's backtrace. All but the addresses is what the guest's own file says, with control characters
/// escaped: it may lie.
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
    /// - Parameter isCaller: whether `address` is behind a call, which may be the function's last instruction.
    init(_ address: UInt64, isCaller: Bool, _ symbols: LazySymbols) {
        let instruction = isCaller ? address &- 1 : address
        let symbol = symbols.table.symbol(at: instruction)
        let source = symbols.lineTable.location(of: instruction)
        self.init(
            address: address, symbol: symbol?.name, offset: symbol.map { $0.offset + address - instruction },
            file: source?.file, line: source?.line)
    }
}
