/// Numbers as people read them.
enum Quantity {
    /// `412 ns`, `38.1 µs`, `1.52 ms`, `2.30 s`.
    static func time(_ nanoseconds: Int64) -> String {
        let value = Double(nanoseconds)
        switch nanoseconds {
        case ..<1_000: return "\(nanoseconds) ns"
        case ..<1_000_000: return "\(threeDigits(value / 1e3)) µs"
        case ..<1_000_000_000: return "\(threeDigits(value / 1e6)) ms"
        default: return "\(threeDigits(value / 1e9)) s"
        }
    }

    /// `512 bytes`, `18.0 KiB`, `64 MiB`.
    static func bytes(_ count: UInt64) -> String {
        let value = Double(count)
        switch count {
        case ..<1_024: return "\(count) bytes"
        case ..<(1 << 20): return "\(threeDigits(value / 1_024)) KiB"
        case ..<(1 << 30): return "\(threeDigits(value / Double(1 << 20))) MiB"
        default: return "\(threeDigits(value / Double(1 << 30))) GiB"
        }
    }

    static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

    /// Three significant digits, as far as that needs decimals.
    private static func threeDigits(_ value: Double) -> String {
        let decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
        let scale = decimals == 2 ? 100.0 : decimals == 1 ? 10.0 : 1.0
        let scaled = Int64((value * scale).rounded())
        guard decimals > 0 else { return "\(scaled)" }
        let fraction = "\(scaled % Int64(scale))"
        return "\(scaled / Int64(scale))." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }
}

extension Duration {
    /// Whole nanoseconds, rounded down; at most 292 years.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : product + attoseconds / 1_000_000_000
    }
}
