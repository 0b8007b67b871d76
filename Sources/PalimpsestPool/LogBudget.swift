/// So many log lines a second and no more, whatever guests do.
struct LogBudget {
    static let linesPerSecond = 10
    private var second: UInt64 = 0
    private var lineCount = 0
    private var suppressedCount = 0

    /// How many lines were held back before this one; nil if this one is, too.
    mutating func take(now nanoseconds: UInt64) -> Int? {
        let current = nanoseconds / 1_000_000_000
        if current != second {
            second = current
            lineCount = 0
        }
        guard lineCount < LogBudget.linesPerSecond else {
            suppressedCount += 1
            return nil
        }
        lineCount += 1
        defer { suppressedCount = 0 }
        return suppressedCount
    }
}
