import Synchronization

/// A guest's symbols, read at the first fault: most sandboxes never need them. Shared by all sandboxes of the guest.
final class LazySymbols: Sendable {
    private let image: ELFImage
    private let table = Mutex<SymbolTable?>(nil)

    init(_ image: ELFImage) { self.image = image }

    func name(at address: UInt64) -> String? {
        table.withLock { table in
            let symbols = table ?? SymbolTable(image)
            table = symbols
            return symbols.name(at: address)
        }
    }
}
