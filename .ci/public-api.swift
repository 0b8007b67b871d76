// Prints the public API that symbol graphs tell of, one symbol a line: its name, its kind, its declaration. Symbol
// graphs show a property that only the module can set as `{ get set }`, and so does the listing.
//
// Its arguments are the folder that .ci/symbol-graphs has written, and the modules; .ci/public-api is the command.

import Foundation

/// As much of a symbol graph as the listing needs; the format is
/// https://github.com/swiftlang/swift-docc-symbolkit/blob/main/openapi.yaml.
struct SymbolGraph: Decodable {
    struct Symbol: Decodable {
        struct Kind: Decodable { let identifier: String }
        struct Identifier: Decodable { let precise: String }
        struct Fragment: Decodable { let spelling: String }

        let kind: Kind
        let identifier: Identifier
        let pathComponents: [String]
        let declarationFragments: [Fragment]?
    }

    struct Relationship: Decodable {
        let kind: String
        let source: String
        let target: String
        let targetFallback: String?
    }

    let symbols: [Symbol]
    let relationships: [Relationship]
}

extension SymbolGraph.Symbol {
    /// Members that come with a conformance: whoever knows the protocol knows them.
    var isSynthesized: Bool { identifier.precise.contains("::SYNTHESIZED::") }

    /// An extension of another module's type: its members and conformances are listed, which says enough.
    var isExtension: Bool { kind.identifier == "swift.extension" }

    var name: String { pathComponents.joined(separator: ".") }

    /// The kind without the language: `type.method`.
    var kindName: String { kind.identifier.split(separator: ".").dropFirst().joined(separator: ".") }

    /// The declaration on one line, attributes included.
    var declaration: String {
        (declarationFragments ?? []).map(\.spelling).joined()
            .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}

/// A line of the listing. Lines are ordered by names, so that a type and its members stand together.
struct Line: Hashable, Comparable, CustomStringConvertible {
    let name: String
    let kind: String
    let declaration: String

    var description: String { "\(name) [\(kind)] \(declaration)" }

    static func < (left: Line, right: Line) -> Bool {
        (left.name, left.kind, left.declaration) < (right.name, right.kind, right.declaration)
    }
}

/// Protocols that every type conforms to unless it says otherwise.
let implied: Set = ["Swift.Copyable", "Swift.Escapable", "Swift.SendableMetatype"]

/// The public API of one module, from all of its graphs: one for the module itself, one for each module it extends.
struct Module {
    let name: String
    let graphs: [SymbolGraph]

    init(_ name: String, in folder: URL) throws {
        self.name = name
        let files = try FileManager.default.contentsOfDirectory(
            at: folder.appendingPathComponent(name), includingPropertiesForKeys: nil
        ).filter { $0.lastPathComponent.hasSuffix(".symbols.json") }
        graphs = try files.map { try JSONDecoder().decode(SymbolGraph.self, from: Data(contentsOf: $0)) }
    }

    /// The names of the module's symbols by their identifiers.
    var names: [String: String] {
        Dictionary(graphs.flatMap(\.symbols).map { ($0.identifier.precise, $0.name) }) { first, _ in first }
    }

    /// Every line, in order. `names` are those of all modules, since a type may conform to another module's protocol.
    func lines(names: [String: String]) -> [Line] {
        let symbols = graphs.flatMap(\.symbols).filter { !$0.isSynthesized && !$0.isExtension }.map {
            Line(name: "\(name).\($0.name)", kind: $0.kindName, declaration: $0.declaration)
        }
        return Set(symbols + conformances(names: names)).sorted()
    }

    /// One line for each type, with all protocols that it conforms to.
    private func conformances(names: [String: String]) -> [Line] {
        var protocols: [String: Set<String>] = [:]
        for relationship in graphs.flatMap(\.relationships) where relationship.kind == "conformsTo" {
            guard let type = names[relationship.source] else { continue }
            let target = names[relationship.target] ?? relationship.targetFallback ?? relationship.target
            if !implied.contains(target) { protocols[type, default: []].insert(target) }
        }
        return protocols.map { type, protocols in
            Line(name: "\(name).\(type)", kind: "conformances", declaration: protocols.sorted().joined(separator: ", "))
        }
    }
}

let folder = URL(fileURLWithPath: CommandLine.arguments[1])
let modules = try CommandLine.arguments.dropFirst(2).map { try Module($0, in: folder) }
let names = modules.map(\.names).reduce(into: [:]) { $0.merge($1) { first, _ in first } }
for line in modules.flatMap({ $0.lines(names: names) }) { print(line) }
