enum BenchmarkError: Error, CustomStringConvertible {
    case wrongResult
    case missingGuest(String)
    case unknownSuite(String)

    var description: String {
        switch self {
        case .wrongResult: "a benchmark's call gave a wrong result: its time means nothing"
        case .missingGuest(let name): "\(name) is not among the benchmark's resources; build with swift build"
        case .unknownSuite(let name):
            "there is no suite '\(name)'; there are: \(Suite.all.map(\.name).joined(separator: ", "))"
        }
    }
}
