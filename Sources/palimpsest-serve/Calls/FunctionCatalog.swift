import ToolSupport

/// All functions of all snapshots. It never changes: a snapshot that is loaded again is loaded by its digest.
struct FunctionCatalog: Sendable {
    private let functions: [String: [String: ServedFunction]]
    private let order: [String: [ServedFunction]]
    /// Names, sorted.
    let snapshots: [String]

    init(_ functions: [String: [ServedFunction]]) {
        order = functions
        self.functions = functions.mapValues { functions in
            Dictionary(functions.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        }
        snapshots = functions.keys.sorted()
    }

    func function(_ name: String, of snapshot: String) throws(Problem) -> ServedFunction {
        guard let known = functions[snapshot] else { throw .unknownSnapshot(snapshot, available: snapshots) }
        guard let function = known[name] else {
            throw .unknownFunction(name, available: order[snapshot, default: []].map(\.name))
        }
        return function
    }

    /// - Parameter snapshot: nil for all of them.
    func json(of snapshot: String?) throws(Problem) -> JSON {
        if let snapshot, functions[snapshot] == nil {
            throw .unknownSnapshot(snapshot, available: snapshots)
        }
        let wanted = snapshot.map { [$0] } ?? snapshots
        return [
            "functions": .array(wanted.flatMap { name in order[name, default: []].map { $0.json(snapshot: name) } })
        ]
    }
}
