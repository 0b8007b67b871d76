import MicroVM
import Synchronization

/// A guest's symbols and source lines, looked up when a fault wants them: most sandboxes never do. Shared by all
/// sandboxes of the guest.
///
/// A look-up reads all that the guest's file has of them, so what was found is kept for when the guest faults in the
/// same place again: of so many addresses, and no more.
package final class LazySymbols: Sendable {
    /// Four backtraces' worth; at some 12 KiB each, if their names are as long as may be.
    private static let keptAddressCount = 4 * Backtrace.maximumFrameCount

    /// What is known of an address.
    package struct Place: Sendable {
        package var symbol: GuestSymbol?
        package var line: SourceLine?
    }

    package let table: SymbolTable
    private let lineTable: LineTable
    private let kept = Mutex<[GuestVirtualAddress: Place]>([:])

    package init(_ table: SymbolTable, lines: LineTable = LineTable()) {
        self.table = table
        lineTable = lines
    }

    package convenience init(_ image: ELFImage) { self.init(SymbolTable(image), lines: LineTable(image)) }

    /// What is known of each of these addresses, in one go.
    package func places(of addresses: some Collection<GuestVirtualAddress>) -> [GuestVirtualAddress: Place] {
        var places = kept.withLock { $0 }
        let missing = addresses.filter { places[$0] == nil }
        if missing.isEmpty { return places }
        let (symbols, lines) = (table.symbols(at: missing), lineTable.lines(at: missing))
        for address in missing { places[address] = Place(symbol: symbols[address], line: lines[address]) }
        keep(missing, of: places)
        return places
    }

    private func keep(_ addresses: [GuestVirtualAddress], of places: [GuestVirtualAddress: Place]) {
        let new = addresses.prefix(LazySymbols.keptAddressCount)
        kept.withLock { kept in
            if kept.count > LazySymbols.keptAddressCount - new.count { kept.removeAll(keepingCapacity: true) }
            for address in new { kept[address] = places[address] }
        }
    }
}
