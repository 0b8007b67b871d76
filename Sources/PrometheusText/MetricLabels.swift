/// A time series' labels, ready to be written: `{function="add",snapshot="default"}`.
struct MetricLabels: Hashable, Sendable {
    /// Characters of a value; the rest is cut off.
    static let valueLimit = 256

    /// Equal labels have equal bytes: values that only look alike are two.
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

    static func == (one: MetricLabels, other: MetricLabels) -> Bool { one.pairs.utf8.elementsEqual(other.pairs.utf8) }

    func hash(into hasher: inout Hasher) {
        var pairs = pairs
        pairs.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
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
