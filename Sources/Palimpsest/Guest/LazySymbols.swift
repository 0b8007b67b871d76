import Synchronization

/// A guest's symbols and source lines, read at the first fault: most sandboxes never need them. Shared by all sandboxes
/// of the guest.
final class LazySymbols: Sendable {
    private let readNames: @Sendable () -> SymbolTable
    private let readLines: @Sendable () -> LineTable
    private let names = Mutex<SymbolTable?>(nil)
    private let lines = Mutex<LineTable?>(nil)

    init(names: @escaping @Sendable () -> SymbolTable, lines: @escaping @Sendable () -> LineTable = { LineTable() }) {
        readNames = names
        readLines = lines
    }

    convenience init(_ image: ELFImage) {
        self.init(names: { SymbolTable(image) }, lines: { LineTable(image) })
    }

    var table: SymbolTable { LazySymbols.value(of: names, readNames) }
    var lineTable: LineTable { LazySymbols.value(of: lines, readLines) }

    private static func value<Table: Sendable>(of cached: borrowing Mutex<Table?>, _ read: () -> Table) -> Table {
        cached.withLock { cached in
            let table = cached ?? read()
            cached = table
            return table
        }
    }
}
