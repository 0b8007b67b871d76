import Palimpsest
import ToolSupport

/// A function that can be called.
struct ServedFunction: Sendable, Equatable {
    let name: String
    let signature: GuestSignature

    init(name: String, signature: GuestSignature) {
        self.name = name
        self.signature = signature
    }

    init(_ export: GuestExport) { self.init(name: export.name, signature: export.signature) }

    func json(snapshot: String) -> JSON {
        [
            "snapshot": .string(snapshot), "name": .string(name), "signature": .string(signature.description),
            "arguments": .array(signature.arguments.map { .string($0.description) }),
            "result": .string(signature.result.description),
        ]
    }
}
