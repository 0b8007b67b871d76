/// A guest's symbols, read at the first fault: most sandboxes never need them.
final class LazySymbols {
    private let image: ELFImage
    private lazy var table = SymbolTable(image)

    init(_ image: ELFImage) { self.image = image }

    func name(at address: UInt64) -> String? { table.name(at: address) }
}
