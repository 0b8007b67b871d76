import Glibc
import MicroVM

/// Symbols as they are written: in an ELF file, or as the lines of a snapshot's symbols blob. Everything in them is
/// anybody's.
package struct SymbolRecords {
    package enum Format {
        /// A whole ELF file (`Elf64_Sym`, 24 bytes each).
        case elf
        /// `<address> <bytes> <name>` and a line feed; both numbers in hexadecimal.
        case lines
    }

    package struct Symbol {
        package let address: GuestVirtualAddress
        /// 0 for a label: it has no size, or was not given one.
        package let byteCount: Untrusted<UInt64>
        /// Of a label, the bytes that it may name, if nothing else does: to the end of its section in an ELF file; in
        /// lines, which say nothing of sections, only the one that it is at.
        package let room: Untrusted<UInt64>
        /// Where its name starts.
        let nameOffset: Int

        var isLabel: Bool { byteCount == 0 }
    }

    /// STT_NOTYPE, which assemblers give to what they were told nothing of; STT_OBJECT, STT_FUNC, STT_GNU_IFUNC.
    private static let types: Set<UInt8> = [0, 1, 2, 10]
    private static let untyped: UInt8 = 0
    private static let compilerLabel = Array(".L".utf8)
    private static let elfByteCount = 24

    package let bytes: [UInt8]
    package let format: Format

    package init(bytes: [UInt8], format: Format) {
        self.bytes = bytes
        self.format = format
    }

    /// Visits symbols in the order they are written in.
    /// - Parameter limit: records that are looked at; one that is no symbol counts as well.
    /// - Returns: how many there were.
    func forEach(limit: Int, _ visit: (Symbol) -> Void) -> Int {
        switch format {
        case .elf: forEachELFSymbol(limit, visit)
        case .lines: forEachLine(limit, visit)
        }
    }

    /// A symbol's name, up to a zero or a line feed.
    package func name(of symbol: Symbol) -> ArraySlice<UInt8> {
        bytes[symbol.nameOffset...].prefix(SymbolTable.maximumNameByteCount)
            .prefix { $0 != 0 && $0 != UInt8(ascii: "\n") }
    }

    // MARK: - ELF

    private func forEachELFSymbol(_ limit: Int, _ visit: (Symbol) -> Void) -> Int {
        guard let sections = ELFSections(bytes), let (table, names) = sections.symbolTable else { return 0 }
        let reader = ByteReader(bytes: bytes)
        let count = min(table.count / SymbolRecords.elfByteCount, limit)
        for index in 0..<count {
            let record = table.lowerBound + index * SymbolRecords.elfByteCount
            let type = bytes[record + 4] & 15
            guard SymbolRecords.types.contains(type),
                let name = reader.integer(at: record, as: UInt32.self).index(below: names.count),
                type != SymbolRecords.untyped || isNamed(names.dropFirst(name))
            else { continue }
            let address = reader.address(at: record + 8)
            let byteCount: Untrusted<UInt64> = reader.integer(at: record + 16)
            let room = sections.room(at: address, inSection: reader.integer(at: record + 6))
            // A label that is in no section names nothing: a linker script's number, a symbol that is not defined.
            guard byteCount > 0 || room != nil else { continue }
            visit(
                Symbol(
                    address: address, byteCount: byteCount, room: room ?? byteCount,
                    nameOffset: names.lowerBound + name))
        }
        return count
    }

    /// Whether a person has given this name, which no compiler's label (`.L...`) is, nor one that is empty.
    private func isNamed(_ name: Range<Int>) -> Bool {
        guard let first = name.first, bytes[first] != 0 else { return false }
        return !bytes[name].starts(with: SymbolRecords.compilerLabel)
    }

    // MARK: - Lines

    private func forEachLine(_ limit: Int, _ visit: (Symbol) -> Void) -> Int {
        var start = 0
        var count = 0
        while start < bytes.count, count < limit {
            let end = lineEnd(from: start)
            if let symbol = symbol(in: start..<end) { visit(symbol) }
            start = end + 1
            count += 1
        }
        return count
    }

    private func lineEnd(from start: Int) -> Int {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress,
                let place = memchr(base + start, CInt(UInt8(ascii: "\n")), buffer.count - start)
            else { return buffer.count }
            return UnsafeRawPointer(place) - base
        }
    }

    /// Nil for a line that is none of a symbol.
    private func symbol(in line: Range<Int>) -> Symbol? {
        var place = line.lowerBound
        guard let address = number(&place, line.upperBound), let byteCount = number(&place, line.upperBound),
            place < line.upperBound
        else { return nil }
        return Symbol(
            address: GuestVirtualAddress(rawValue: address), byteCount: Untrusted(byteCount), room: Untrusted(1),
            nameOffset: place)
    }

    /// 1 to 16 digits and a space, which `place` is behind afterwards.
    private func number(_ place: inout Int, _ end: Int) -> UInt64? {
        var number: UInt64 = 0
        let start = place
        while place < end, place - start <= 16 {
            let byte = bytes[place]
            place += 1
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: " ") where place - start > 1: return number
            default: return nil
            }
        }
        return nil
    }
}
