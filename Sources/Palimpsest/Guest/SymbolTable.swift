/// Function names by address, from an ELF's `.symtab` or a snapshot's symbols blob: for fault reports only. A table
/// that lies makes for a wrong name, never for more.
struct SymbolTable: Sendable {
    private struct Function {
        let address: UInt64
        let byteCount: UInt64
        let nameOffset: Int
    }

    private static let symbolTableSection: UInt32 = 2
    private static let functionType: UInt8 = 2
    private static let maximumSymbolCount = 1 << 20
    private static let maximumNameByteCount = 512

    private let bytes: [UInt8]
    private let functions: [Function]

    /// Empty if the file has no usable symbol table.
    init(_ image: ELFImage) {
        bytes = image.bytes
        let reader = ByteReader(bytes: image.bytes)
        functions = (try? SymbolTable.read(reader)) ?? []
    }

    private static func read(_ reader: ByteReader) throws(GuestImageError) -> [Function] {
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
            return functions(reader, symbols, strings)
        }
        return []
    }

    private static func functions(_ reader: ByteReader, _ symbols: Range<Int>, _ strings: Range<Int>) -> [Function] {
        var found: [Function] = []
        for index in 0..<min(symbols.count / 24, maximumSymbolCount) {
            let symbol = symbols.lowerBound + index * 24
            guard reader.bytes[symbol + 4] & 15 == functionType else { continue }
            let name = Int(reader.integer(symbol, as: UInt32.self))
            guard name < strings.count else { continue }
            found.append(
                Function(
                    address: reader.integer(symbol + 8), byteCount: reader.integer(symbol + 16),
                    nameOffset: strings.lowerBound + name))
        }
        return found.sorted { $0.address < $1.address }
    }

    /// `name+0x1c`; nil when no function covers `address`.
    func name(at address: UInt64) -> String? {
        var low = 0
        var high = functions.count
        while low < high {
            let middle = (low + high) / 2
            if functions[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let function = functions[low - 1]
        let offset = address - function.address
        guard offset < max(function.byteCount, 1) else { return nil }
        let text = GuestText.escaped(String(decoding: name(of: function), as: UTF8.self))
        return offset == 0 ? text : "\(text)+\(hex(offset))"
    }

    private func name(of function: Function) -> ArraySlice<UInt8> {
        bytes[function.nameOffset...].prefix(SymbolTable.maximumNameByteCount)
            .prefix { $0 != 0 && $0 != UInt8(ascii: "\n") }
    }

    // MARK: - As a blob: a line a function, in address order

    /// `<address> <bytes> <name>` and a line feed; both numbers in hexadecimal.
    var lines: [UInt8] {
        var text: [UInt8] = []
        for function in functions where !name(of: function).isEmpty {
            text += "\(String(function.address, radix: 16)) \(String(function.byteCount, radix: 16)) ".utf8
            text += name(of: function)
            text.append(UInt8(ascii: "\n"))
        }
        return text
    }

    /// Lines that are none are left out, but count: a blob of nothing but line feeds has 2^26.
    init(lines bytes: [UInt8]) {
        self.bytes = bytes
        var functions: [Function] = []
        var start = 0
        var lineCount = 0
        while start < bytes.count, lineCount < SymbolTable.maximumSymbolCount {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            if let function = SymbolTable.function(bytes[start..<end]) { functions.append(function) }
            start = end + 1
            lineCount += 1
        }
        self.functions = functions.sorted { $0.address < $1.address }
    }

    private static func function(_ line: ArraySlice<UInt8>) -> Function? {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard words.count == 3, let address = UInt64(String(decoding: words[0], as: UTF8.self), radix: 16),
            let byteCount = UInt64(String(decoding: words[1], as: UTF8.self), radix: 16)
        else { return nil }
        return Function(address: address, byteCount: byteCount, nameOffset: words[2].startIndex)
    }
}
