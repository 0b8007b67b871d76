import GuestABI
import MicroVM
import Palimpsest

// Numbers as tests want them: bare, since a test knows what it has written.

extension ByteReader {
    package func number<Value: FixedWidthInteger & BitwiseCopyable & Sendable>(
        _ offset: Int, as type: Value.Type = Value.self
    ) -> Value {
        integer(at: offset, as: type).uncheckedValue
    }
}

extension SymbolTable {
    package init(lines: [UInt8]) { self.init(SymbolRecords(bytes: lines, format: .lines)) }

    package func symbol(at address: UInt64) -> GuestSymbol? {
        let address = GuestVirtualAddress(rawValue: address)
        return symbols(at: [address])[address]
    }

    package func name(at address: UInt64) -> String? { symbol(at: address)?.description }
}

extension LineTable {
    package func location(of address: UInt64) -> SourceLine? {
        let address = GuestVirtualAddress(rawValue: address)
        return lines(at: [address])[address]
    }
}

/// A guest's file whose symbols can be changed, functions and variables only.
package struct SymbolForge {
    package struct Symbol {
        package let name: String
        package let address: UInt64
        package let byteCount: UInt64
        fileprivate let offset: Int
    }

    package private(set) var bytes: [UInt8]
    /// As they were.
    package let symbols: [Symbol]

    package init(_ guest: [UInt8]) {
        bytes = guest
        let reader = ByteReader(bytes: guest)
        guard let (table, names) = ELFSections(guest)?.symbolTable else {
            symbols = []
            return
        }
        symbols = stride(from: table.lowerBound, to: table.upperBound - 23, by: 24).compactMap { offset in
            guard (1...2).contains(guest[offset + 4] & 15) else { return nil }
            let name = guest[(names.lowerBound + Int(reader.number(offset, as: UInt32.self)))...].prefix { $0 != 0 }
            return Symbol(
                name: String(decoding: name, as: UTF8.self), address: reader.number(offset + 8),
                byteCount: reader.number(offset + 16), offset: offset)
        }
    }

    /// The one that no other is above.
    package var last: Symbol? { symbols.max { $0.address < $1.address } }

    package mutating func move(_ symbol: Symbol, to address: UInt64, byteCount: UInt64) {
        for (place, value) in [(8, address), (16, byteCount)] {
            withUnsafeBytes(of: value.littleEndian) {
                bytes.replaceSubrange(symbol.offset + place..<symbol.offset + place + 8, with: $0)
            }
        }
    }
}
