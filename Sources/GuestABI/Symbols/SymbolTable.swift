import MicroVM

/// Names of functions and variables by address, from an ELF's `.symtab` or a snapshot's symbols blob: for fault reports
/// only. A table that lies makes for a wrong name, never for more.
///
/// Nothing is kept of it but where it is: a guest decides how many symbols there are, and most guests never fault. Each
/// look-up goes through all of them once, for all addresses that are wanted at a time.
package struct SymbolTable: Sendable {
    static let maximumSymbolCount = 1 << 20
    static let maximumNameByteCount = 512

    /// Lends the records piece by piece.
    /// - Returns: whether they are what they should be. If not, nothing is to be made of them.
    package typealias Pieces = @Sendable (_ body: (SymbolRecords) -> Void) -> Bool

    private let pieces: Pieces

    package init(_ pieces: @escaping Pieces) { self.pieces = pieces }

    /// Empty if the file has no usable symbol table.
    package init(_ image: ELFImage) { self.init(SymbolRecords(bytes: image.bytes, format: .elf)) }

    package init(_ records: SymbolRecords) {
        self.init { body in
            body(records)
            return true
        }
    }

    // MARK: - Look-ups

    /// The symbols that name these addresses; those are left out that none does.
    package func symbols(at addresses: some Collection<GuestVirtualAddress>) -> [GuestVirtualAddress: GuestSymbol] {
        guard !addresses.isEmpty else { return [:] }
        var search = SymbolSearch<[UInt8]>(addresses)
        var room = SymbolTable.maximumSymbolCount
        let isGood = pieces { records in
            // Names are copied once a piece, not whenever a symbol is the best so far.
            var part = SymbolSearch<SymbolRecords.Symbol>(search.addresses)
            room -= records.forEach(limit: room) {
                part.add(.init(start: $0.address, byteCount: $0.byteCount, room: $0.room, thing: $0))
            }
            search.add(part) { Array(records.name(of: $0)) }
        }
        guard isGood else { return [:] }
        var found: [GuestVirtualAddress: GuestSymbol] = [:]
        for (address, result) in zip(search.addresses, search.results) {
            guard let (start, name) = result else { continue }
            found[address] = GuestSymbol(
                name: GuestText.escaped(String(decoding: name, as: UTF8.self)),
                offset: address.distance(above: start).uncheckedValue)
        }
        return found
    }

    // MARK: - As a blob

    /// All that have a name as a blob, in address order: as many lines as fit `limit` bytes, and no more bytes than
    /// what they are read from has. A file may give a million symbols one long name, which is in it once.
    package func blob(limit: Int) -> [UInt8] {
        guard let records = allRecords() else { return [] }
        let limit = min(limit, records.bytes.count)
        var text: [UInt8] = []
        for (symbol, byteCount) in SymbolTable.sized(records) {
            let name = records.name(of: symbol)
            if name.isEmpty { continue }
            let line = SymbolTable.digits(symbol.address.rawValue) + SymbolTable.digits(byteCount.uncheckedValue)
            guard line.count + name.count < limit - text.count else { break }
            text += line
            text += name
            text.append(UInt8(ascii: "\n"))
        }
        return text
    }

    /// All symbols in address order, each with as many bytes as it names. A label's are those up to the next symbol or
    /// the end of its section, which a line knows nothing of; one in something that has a size names nothing, and is
    /// left out.
    private static func sized(
        _ records: SymbolRecords
    ) -> [(symbol: SymbolRecords.Symbol, byteCount: Untrusted<UInt64>)] {
        var symbols: [SymbolRecords.Symbol] = []
        _ = records.forEach(limit: maximumSymbolCount) { symbols.append($0) }
        // Of those in one place, labels are the last: they are to see what has a size there.
        symbols.sort { ($0.address, $0.isLabel ? 1 : 0) < ($1.address, $1.isLabel ? 1 : 0) }
        var lastByte: GuestVirtualAddress?
        return zip(symbols.indices, symbols).compactMap { index, symbol in
            guard symbol.isLabel, records.format == .elf else {
                lastByte = max(lastByte ?? symbol.address, symbol.address.last(of: symbol.byteCount))
                return (symbol, symbol.byteCount)
            }
            let next = index + 1 < symbols.count ? symbols[index + 1].address.distance(above: symbol.address) : nil
            // Of labels in one place the last one counts.
            guard lastByte.map({ $0 < symbol.address }) ?? true, next != Untrusted(0) else { return nil }
            return (symbol, min(symbol.room, next ?? symbol.room))
        }
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
