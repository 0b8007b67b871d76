import Synchronization

/// A guest's symbols, read at the first fault: most sandboxes never need them. Shared by all sandboxes of the guest.
final class LazySymbols: Sendable {
    private let read: @Sendable () -> SymbolTable
    private let cached = Mutex<SymbolTable?>(nil)

    init(_ read: @escaping @Sendable () -> SymbolTable) { self.read = read }

    convenience init(_ image: ELFImage) {
        self.init { SymbolTable(image) }
    }

    var table: SymbolTable {
        cached.withLock { cached in
            let table = cached ?? read()
            cached = table
            return table
        }
    }

    func name(at address: UInt64) -> String? { table.name(at: address) }
}
