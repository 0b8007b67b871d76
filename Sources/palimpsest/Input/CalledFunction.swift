import ArgumentParser
import Palimpsest
import ToolSupport

/// What to call: for every command that calls one function.
struct CalledFunction: ParsableArguments {
    @Argument(help: "The guest: an ELF file, or a snapshot, DIR:TAG or DIR@sha256:DIGEST.", completion: .file())
    var guest: String

    @Argument(help: "The function's name.")
    var function: String

    // Unrecognised options, too: that is what negative numbers look like.
    @Argument(parsing: .allUnrecognized, help: ArgumentHelp("The function's arguments.", valueName: "argument"))
    var words: [String] = []

    func validate() throws { _ = try CallArguments.words(words) }

    func export(of sandbox: Sandbox) throws(ToolError) -> GuestExport {
        guard let export = sandbox.exports.first(where: { $0.name.hasBytes(of: function) }) else {
            throw ToolError(.unknownFunction(name: function, available: sandbox.exports.map(\.name)))
        }
        return export
    }

    /// The files that are read for a call of it: the guest's, or all of its store, and arguments'.
    func inputs(for export: GuestExport) throws -> [String] {
        let words = zip(try CallArguments.words(words), export.signature.arguments)
        let files = words.compactMap { word, type in CallArguments.file(word, as: type) }
        return (SnapshotLocation(guest: guest)?.files ?? [guest]) + files
    }

    func arguments(for export: GuestExport) throws -> [AnyGuestValue] {
        try CallArguments.parse(try CallArguments.words(words), for: export)
    }
}
