/// Names of functions and variables by address, from an ELF's `.symtab` or a snapshot's symbols blob: for fault reports
/// only. A table that lies makes for a wrong name, never for more.
///
/// Nothing is kept of it but where it is: a guest decides how many symbols there are, and most guests never fault. Each
/// look-up goes through all of them once, for all addresses that are wanted at a time.
struct SymbolTable: Sendable {
    static let maximumSymbolCount = 1 << 20
    static let maximumNameByteCount = 512

    /// Lends the records piece by piece.
    /// - Returns: whether they are what they should be. If not, nothing is to be made of them.
    typealias Pieces = @Sendable (_ body: (SymbolRecords) -> Void) -> Bool

    private let pieces: Pieces

    init(_ pieces: @escaping Pieces) { self.pieces = pieces }

    /// Empty if the file has no usable symbol table.
    init(_ image: ELFImage) { self.init(SymbolRecords(bytes: image.bytes, format: .elf)) }

    init(_ records: SymbolRecords) {
        self.init { body in
            body(records)
            return true
        }
    }

    // MARK: - Look-ups

    private struct NamedSymbol {
        let byteCount: Untrusted<UInt64>
        let name: [UInt8]
    }

    /// The symbols that cover these addresses; those are left out that none does.
    func symbols(at addresses: some Collection<GuestVirtualAddress>) -> [GuestVirtualAddress: GuestSymbol] {
        guard !addresses.isEmpty else { return [:] }
        var search = PredecessorSearch<NamedSymbol>(addresses)
        var room = SymbolTable.maximumSymbolCount
        let isGood = pieces { records in
            // Names are copied once a piece, not whenever a symbol is the best so far.
            var part = PredecessorSearch<SymbolRecords.Symbol>(search.addresses)
            room -= records.forEach(limit: room) { part.add($0, at: $0.address) }
            search.add(part) { NamedSymbol(byteCount: $0.byteCount, name: Array(records.name(of: $0))) }
        }
        guard isGood else { return [:] }
        var found: [GuestVirtualAddress: GuestSymbol] = [:]
        for (address, result) in zip(search.addresses, search.results) {
            guard let (start, symbol) = result else { continue }
            let offset = address.distance(above: start)
            // One without a size is a label.
            guard offset < symbol.byteCount || offset == 0 else { continue }
            found[address] = GuestSymbol(
                name: GuestText.escaped(String(decoding: symbol.name, as: UTF8.self)), offset: offset.uncheckedValue)
        }
        return found
    }

    // MARK: - As a blob

    /// All that have a name as a blob, in address order: as many lines as fit `limit` bytes, and no more bytes than what
    /// they are read from has. A file may give a million symbols one long name, which is in it once.
    func blob(limit: Int) -> [UInt8] {
        guard let records = allRecords() else { return [] }
        var symbols: [SymbolRecords.Symbol] = []
        _ = records.forEach(limit: SymbolTable.maximumSymbolCount) { symbols.append($0) }
        symbols.sort { $0.address < $1.address }
        let limit = min(limit, records.bytes.count)
        var text: [UInt8] = []
        for symbol in symbols {
            let name = records.name(of: symbol)
            if name.isEmpty { continue }
            let line = SymbolTable.digits(symbol.address.rawValue) + SymbolTable.digits(symbol.byteCount.uncheckedValue)
            guard line.count + name.count < limit - text.count else { break }
            text += line
            text += name
            text.append(UInt8(ascii: "\n"))
        }
        return text
    }

    /// All pieces as one.
    private func allRecords() -> SymbolRecords? {
        var bytes: [UInt8] = []
        var format = SymbolRecords.Format.lines
        let isGood = pieces { piece in
            format = piece.format
            if bytes.isEmpty { bytes = piece.bytes } else { bytes += piece.bytes }
        }
        return isGood ? SymbolRecords(bytes: bytes, format: format) : nil
    }

    /// In hexadecimal, and a space.
    private static func digits(_ number: UInt64) -> [UInt8] { Array("\(String(number, radix: 16)) ".utf8) }
}
