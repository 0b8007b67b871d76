import HTTPTypes
import Palimpsest
import PalimpsestPool

/// What a path means. Paths are taken as they are: nothing is normalised, so no two of them mean the same.
enum Route: Equatable {
    case call(snapshot: String, function: String)
    case functions(snapshot: String?)
    case health
    case ready
    case metrics

    /// All there are, for messages.
    static let overview = [
        "/call/FUNCTION", "/call/SNAPSHOT/FUNCTION", "/functions", "/functions/SNAPSHOT", "/health", "/ready",
        "/metrics",
    ]

    init(path: String) throws(Problem) {
        let segments = try PathSegments.split(path)
        switch (segments[0], segments.count) {
        case ("call", 2): self = .call(snapshot: SandboxPool.defaultSnapshot, function: segments[1])
        case ("call", 3): self = .call(snapshot: segments[1], function: segments[2])
        case ("functions", 1): self = .functions(snapshot: nil)
        case ("functions", 2): self = .functions(snapshot: segments[1])
        case ("health", 1): self = .health
        case ("ready", 1): self = .ready
        case ("metrics", 1): self = .metrics
        default: throw .unknownPath(path)
        }
    }

    var methods: [HTTPRequest.Method] {
        if case .call = self { return [.post] }
        return [.get, .head]
    }

    /// For metrics: few values, none of them a client's.
    var name: String {
        switch self {
        case .call: "call"
        case .functions: "functions"
        case .health: "health"
        case .ready: "ready"
        case .metrics: "metrics"
        }
    }
}
