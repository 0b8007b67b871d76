import Palimpsest
import ToolSupport

/// All functions of all snapshots. It never changes: a snapshot that is loaded again is loaded by its digest.
struct FunctionCatalog: Sendable {
    private let functions: [ByteName: [ByteName: ServedFunction]]
    private let order: [ByteName: [ServedFunction]]
    /// Names, sorted.
    let snapshots: [String]

    init(_ functions: [ByteName: [ServedFunction]]) {
        order = functions
        self.functions = functions.mapValues { functions in
            Dictionary(functions.map { (ByteName($0.name), $0) }, uniquingKeysWith: { first, _ in first })
        }
        snapshots = functions.keys.sorted().map(\.text)
    }

    func function(_ name: String, of snapshot: String) throws(Problem) -> ServedFunction {
        guard let known = functions[ByteName(snapshot)] else { throw .unknownSnapshot(snapshot, available: snapshots) }
        guard let function = known[ByteName(name)] else {
            throw .unknownFunction(name, available: order[ByteName(snapshot), default: []].map(\.name))
        }
        return function
    }

    /// - Parameter snapshot: nil for all of them.
    func json(of snapshot: String?) throws(Problem) -> JSON {
        if let snapshot, functions[ByteName(snapshot)] == nil {
            throw .unknownSnapshot(snapshot, available: snapshots)
        }
        let wanted = snapshot.map { [$0] } ?? snapshots
        return [
            "functions": .array(
                wanted.flatMap { name in order[ByteName(name), default: []].map { $0.json(snapshot: name) } })
        ]
    }
}
