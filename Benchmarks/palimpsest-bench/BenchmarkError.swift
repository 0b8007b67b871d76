enum BenchmarkError: Error, CustomStringConvertible {
    case wrongResult
    case missingGuest(String)
    case unknownSuite(String)
    case noServer(String)

    var description: String {
        switch self {
        case .wrongResult: "a benchmark's call gave a wrong result: its time means nothing"
        case .missingGuest(let name): "\(name) is not among the benchmark's resources; build with swift build"
        case .noServer(let line): "palimpsest-serve does not say where it listens: '\(line)'"
        case .unknownSuite(let name):
            "there is no suite '\(name)'; there are: \((Suite.all + Suite.onDemand).map(\.name).joined(separator: ", "))"
        }
    }
}
