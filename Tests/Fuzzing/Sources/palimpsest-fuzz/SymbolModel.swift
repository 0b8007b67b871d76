/// The symbols of an ELF file as one would look for them by hand: what the engine finds is compared with it.
struct SymbolModel {
    private struct Symbol {
        let address: UInt64
        let byteCount: UInt64
        let name: [UInt8]
    }

    private var symbols: [Symbol] = []

    private static let untyped: UInt8 = 0
    /// STT_OBJECT, STT_FUNC, STT_GNU_IFUNC.
    private static let types: [UInt8] = [1, 2, 10]

    /// Those of the first symbol table whose names are in the file: functions, variables, and labels that a person
    /// named.
    init(_ file: [UInt8]) {
        guard let table = file.integer(40, 8), let count = file.integer(60, 2), let first = Int(exactly: table),
            first <= file.count, Int(count) * 64 <= file.count - first
        else { return }
        func content(_ header: Int) -> Range<Int>? {
            guard let start = file.integer(header + 24, 8), let byteCount = file.integer(header + 32, 8),
                start <= UInt64(file.count), byteCount <= UInt64(file.count) - start
            else { return nil }
            return Int(start)..<Int(start + byteCount)
        }
        for index in 0..<Int(count) where file.integer(first + index * 64 + 4, 4) == 2 {
            let header = first + index * 64
            guard let link = file.integer(header + 40, 4), link < count else { continue }
            guard let entries = content(header), let names = content(first + Int(link) * 64) else { return }
            for entry in 0..<entries.count / 24 { add(entries.lowerBound + entry * 24, names, file) }
            return
        }
    }

    private mutating func add(_ entry: Int, _ names: Range<Int>, _ file: [UInt8]) {
        guard let name = file.integer(entry, 4), let address = file.integer(entry + 8, 8),
            let byteCount = file.integer(entry + 16, 8), name < names.count
        else { return }
        let type = file[entry + 4] & 15
        let text = file[(names.lowerBound + Int(name))...].prefix(512).prefix { $0 != 0 && $0 != 0x0a }
        let isLabel = type == SymbolModel.untyped && !text.isEmpty && !text.starts(with: ".L".utf8)
        guard SymbolModel.types.contains(type) || isLabel else { return }
        symbols.append(Symbol(address: address, byteCount: byteCount, name: Array(text)))
    }

    /// Whether `found` is the innermost symbol that covers `address`, one of those if several are as good; if none
    /// covers it, a label nearest below, or nothing: where a label's section ends is not looked at here.
    func permits(_ found: (name: String, offset: UInt64)?, at address: UInt64) -> Bool {
        let below = symbols.filter { $0.address <= address }
        var candidates = below.filter { address - $0.address < $0.byteCount }
        if candidates.isEmpty {
            guard found != nil else { return true }
            candidates = below.filter { $0.byteCount == 0 }
        }
        let start = candidates.map(\.address).max()
        candidates = candidates.filter { $0.address == start }
        let byteCount = candidates.map(\.byteCount).min()
        return candidates.contains { symbol in
            symbol.byteCount == byteCount && found?.offset == address - symbol.address
                && found.map { isName($0.name, symbol.name) } == true
        }
    }

    /// Names that need no escape are compared.
    private func isName(_ shown: String, _ name: [UInt8]) -> Bool {
        !name.allSatisfy { (0x20..<0x7f).contains($0) } || shown == String(decoding: name, as: UTF8.self)
    }
}
