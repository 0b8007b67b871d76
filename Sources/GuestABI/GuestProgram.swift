import MicroVM

/// What is known of a loaded guest beside its memory: shared by its sandboxes and snapshots.
package final class GuestProgram: Sendable {
    /// In the order the guest registered them.
    package let exports: [GuestExport]
    package let symbols: LazySymbols
    package let identity: ImageIdentity
    /// What people call the guest: its file's name, or its snapshot's reference; nil if it came without one.
    package let name: String?
    /// Nil for guests that were loaded from a store.
    package let file: GuestFile?
    private let exportsByName: ExportTable

    package init(
        exports: [GuestExport], symbols: LazySymbols, name: String?, identity: ImageIdentity = ImageIdentity(),
        file: GuestFile? = nil
    ) {
        self.name = name
        self.exports = exports
        self.symbols = symbols
        self.identity = identity
        self.file = file
        exportsByName = ExportTable(exports)
    }

    package func export(_ name: String) -> GuestExport? { exportsByName[name] }

    /// The same guest once its initialisers have said what it exports.
    package func exporting(_ exports: [GuestExport]) -> GuestProgram {
        GuestProgram(exports: exports, symbols: symbols, name: name, identity: identity, file: file)
    }
}
