import ArgumentParser

/// A time as written on the command line: a number and a unit, `250us`, `500ms`, `1.5s`, `2min`.
package enum TimeLimit {
    private static let nanosecondsPerUnit: [(unit: String, nanoseconds: Double)] = [
        // Longest first: every one of these ends in the "s" of the last.
        ("min", 60e9), ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9),
    ]

    package static func parse(_ text: String) throws -> Duration {
        for (unit, scale) in nanosecondsPerUnit where text.hasSuffix(unit) {
            guard let number = Double(text.dropLast(unit.count)), number > 0, number * scale < 1e18 else { break }
            return .nanoseconds(Int64((number * scale).rounded(.up)))
        }
        throw ValidationError(
            "expected a time above zero with its unit (ns, us, ms, s, min), such as 500ms or 1.5s.")
    }
}
