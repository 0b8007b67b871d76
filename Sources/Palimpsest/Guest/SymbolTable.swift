/// Names of functions and variables by address, from an ELF's `.symtab` or a snapshot's symbols blob: for fault reports
/// only. A table that lies makes for a wrong name, never for more.
struct SymbolTable: Sendable {
    private struct Symbol {
        let address: UInt64
        let byteCount: UInt64
        let nameOffset: Int
    }

    private static let symbolTableSection: UInt32 = 2
    /// STT_OBJECT, STT_FUNC.
    private static let types: ClosedRange<UInt8> = 1...2
    private static let maximumSymbolCount = 1 << 20
    private static let maximumNameByteCount = 512

    private let bytes: [UInt8]
    private let symbols: [Symbol]

    /// Empty if the file has no usable symbol table.
    init(_ image: ELFImage) {
        bytes = image.bytes
        let reader = ByteReader(bytes: image.bytes)
        symbols = (try? SymbolTable.read(reader)) ?? []
    }

    private static func read(_ reader: ByteReader) throws(GuestImageError) -> [Symbol] {
        let header = try ELFHeader(reader)
        let table = try reader.require(
            "the section headers", offset: header.sectionHeaderOffset, byteCount: UInt64(header.sectionHeaderCount) * 64
        )
        for section in stride(from: table.lowerBound, to: table.upperBound, by: 64)
        where reader.integer(section + 4, as: UInt32.self) == symbolTableSection {
            let link = Int(reader.integer(section + 40, as: UInt32.self))
            guard link < header.sectionHeaderCount else { continue }
            let stringsHeader = table.lowerBound + link * 64
            let symbols = try reader.require(
                "the symbols", offset: reader.integer(section + 24), byteCount: reader.integer(section + 32))
            let strings = try reader.require(
                "the symbol names", offset: reader.integer(stringsHeader + 24),
                byteCount: reader.integer(stringsHeader + 32))
            return self.symbols(reader, symbols, strings)
        }
        return []
    }

    private static func symbols(_ reader: ByteReader, _ symbols: Range<Int>, _ strings: Range<Int>) -> [Symbol] {
        var found: [Symbol] = []
        for index in 0..<min(symbols.count / 24, maximumSymbolCount) {
            let symbol = symbols.lowerBound + index * 24
            guard types.contains(reader.bytes[symbol + 4] & 15) else { continue }
            let name = Int(reader.integer(symbol, as: UInt32.self))
            guard name < strings.count else { continue }
            found.append(
                Symbol(
                    address: reader.integer(symbol + 8), byteCount: reader.integer(symbol + 16),
                    nameOffset: strings.lowerBound + name))
        }
        return found.sorted { $0.address < $1.address }
    }

    /// The symbol that covers `address`, its name made fit to be shown; nil when none does.
    func symbol(at address: UInt64) -> (name: String, offset: UInt64)? {
        var low = 0
        var high = symbols.count
        while low < high {
            let middle = (low + high) / 2
            if symbols[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let symbol = symbols[low - 1]
        let offset = address - symbol.address
        guard offset < max(symbol.byteCount, 1) else { return nil }
        return (GuestText.escaped(String(decoding: name(of: symbol), as: UTF8.self)), offset)
    }

    /// The same as `name+0x1c`.
    func name(at address: UInt64) -> String? {
        symbol(at: address).map { $0.offset == 0 ? $0.name : "\($0.name)+\(hex($0.offset))" }
    }

    private func name(of symbol: Symbol) -> ArraySlice<UInt8> {
        bytes[symbol.nameOffset...].prefix(SymbolTable.maximumNameByteCount)
            .prefix { $0 != 0 && $0 != UInt8(ascii: "\n") }
    }

    // MARK: - As a blob: a line a symbol, in address order

    /// `<address> <bytes> <name>` and a line feed; both numbers in hexadecimal.
    var lines: [UInt8] {
        var text: [UInt8] = []
        for symbol in symbols where !name(of: symbol).isEmpty {
            text += "\(String(symbol.address, radix: 16)) \(String(symbol.byteCount, radix: 16)) ".utf8
            text += name(of: symbol)
            text.append(UInt8(ascii: "\n"))
        }
        return text
    }

    /// Lines that are none are left out, but count: a blob of nothing but line feeds has 2^26.
    init(lines bytes: [UInt8]) {
        self.bytes = bytes
        var symbols: [Symbol] = []
        var start = 0
        var lineCount = 0
        while start < bytes.count, lineCount < SymbolTable.maximumSymbolCount {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            if let symbol = SymbolTable.symbol(bytes[start..<end]) { symbols.append(symbol) }
            start = end + 1
            lineCount += 1
        }
        self.symbols = symbols.sorted { $0.address < $1.address }
    }

    private static func symbol(_ line: ArraySlice<UInt8>) -> Symbol? {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard words.count == 3, let address = UInt64(String(decoding: words[0], as: UTF8.self), radix: 16),
            let byteCount = UInt64(String(decoding: words[1], as: UTF8.self), radix: 16)
        else { return nil }
        return Symbol(address: address, byteCount: byteCount, nameOffset: words[2].startIndex)
    }
}
