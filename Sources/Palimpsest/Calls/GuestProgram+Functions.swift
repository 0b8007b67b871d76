import GuestABI

/// Exported functions by name.
extension GuestProgram {
    /// - Throws: `SandboxError.unknownFunction` or `signatureMismatch`.
    func function<Result: GuestValue, each Argument: GuestValue>(
        _ name: String
    ) throws(SandboxError) -> GuestFunction<Result, repeat each Argument> {
        GuestFunction(export: try export(name, Result.guestType, repeat (each Argument).self), image: identity)
    }

    /// The same for a function without result.
    func function<each Argument: GuestValue>(
        _ name: String
    ) throws(SandboxError) -> GuestFunction<Void, repeat each Argument> {
        GuestFunction(export: try export(name, .void, repeat (each Argument).self), image: identity)
    }

    func knownExport(_ name: String) throws(SandboxError) -> GuestExport {
        guard let export = export(name) else {
            throw .unknownFunction(name: name, available: exports.map(\.name))
        }
        return export
    }

    private func export<each Argument: GuestValue>(
        _ name: String, _ result: GuestValueType, _ arguments: repeat (each Argument).Type
    ) throws(SandboxError) -> GuestExport {
        let export = try knownExport(name)
        // Looked at one by one: calls by name come at high rates, and an array would be one allocation each.
        var rest = export.signature.arguments[...]
        var isRight = export.signature.result == result
        for type in repeat each arguments { isRight = rest.popFirst() == type.guestType && isRight }
        guard isRight, rest.isEmpty else {
            var types: [GuestValueType] = []
            for type in repeat each arguments { types.append(type.guestType) }
            throw .signatureMismatch(
                function: name, expected: export.signature, found: GuestSignature(result: result, arguments: types))
        }
        return export
    }
}
