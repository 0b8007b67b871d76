/// A time series' labels, ready to be written: `{function="add",snapshot="default"}`.
struct MetricLabels: Hashable, Sendable {
    /// Characters of a value; the rest is cut off.
    static let valueLimit = 256

    private let pairs: String

    /// Of two labels with the same name the first counts.
    init(_ dimensions: [(String, String)]) {
        var names: Set<String> = []
        var texts: [String] = []
        for (name, value) in dimensions {
            let name = PrometheusNames.label(name)
            guard names.insert(name).inserted else { continue }
            texts.append("\(name)=\"\(MetricLabels.escaped(value))\"")
        }
        pairs = texts.joined(separator: ",")
    }

    var text: String { pairs.isEmpty ? "" : "{\(pairs)}" }

    /// With one more label, whose value needs no escaping.
    func adding(_ name: String, _ value: String) -> String {
        "{\(pairs)\(pairs.isEmpty ? "" : ",")\(name)=\"\(value)\"}"
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars.prefix(valueLimit) {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
