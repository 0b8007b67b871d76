/// Names as the exposition format has them. Whatever is not allowed becomes `_`.
enum PrometheusNames {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    static func metric(_ label: String) -> String { sanitized(label, allowsColon: true) }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`; two underscores in front are Prometheus's own, `le` is the histograms'.
    static func label(_ name: String) -> String {
        var text = sanitized(name, allowsColon: false)
        while text.hasPrefix("__") { text.removeFirst() }
        return text == "le" ? "exported_le" : text
    }

    /// With a unit or kind at its end, unless it is there already.
    static func metric(_ label: String, suffix: String) -> String {
        let name = metric(label)
        return name.hasSuffix(suffix) ? name : name + suffix
    }

    private static func sanitized(_ text: String, allowsColon: Bool) -> String {
        var name = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": name.unicodeScalars.append(scalar)
            case "0"..."9":
                if name.isEmpty { name = "_" }
                name.unicodeScalars.append(scalar)
            case ":" where allowsColon: name.unicodeScalars.append(scalar)
            default: name += "_"
            }
        }
        return name.isEmpty ? "_" : name
    }
}

/// Numbers as the exposition format has them.
enum PrometheusNumber {
    static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }
}
