/// The report as a table, times in the unit a person reads best.
enum Table {
    private static let headings = ["result", "samples", "p50", "p90", "p99", "p99.9", "max", "ratio", "floor"]

    static func text(_ records: [Record]) -> String { aligned([headings] + records.map(row)) }

    static func text(_ counts: [Count]) -> String {
        aligned(
            [["counted", "calls", "KVM_RUN a call", "traps a call", "allocations a call", ""]]
                + counts.map {
                    [
                        $0.name, "\($0.calls)", fixed($0.vcpuRunsPerCall, digits: 3),
                        fixed($0.trapsPerCall, digits: 3), fixed($0.allocationsPerCall, digits: 3), "",
                    ]
                })
    }

    static func text(_ amounts: [Amount]) -> String {
        aligned(
            [["memory", "bytes each", "beyond its floor", ""]]
                + amounts.map { [$0.name, "\($0.value)", $0.beyondFloor.map { "\($0)" } ?? "", ""] })
    }

    private static func aligned(_ rows: [[String]]) -> String {
        let headings = rows[0]
        let widths = headings.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { cells in
            cells.enumerated().map { index, cell in
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                return index == 0 || index == cells.count - 1 ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private static func row(_ record: Record) -> [String] {
        [record.name, "\(record.samples)"] + [record.p50, record.p90, record.p99, record.p999, record.max].map(time)
            + [record.ratio.map { fixed($0, digits: 3) } ?? "", record.floor ?? ""]
    }

    private static func time(_ nanoseconds: UInt64) -> String {
        switch nanoseconds {
        case ..<1_000: "\(nanoseconds) ns"
        case ..<1_000_000: fixed(Double(nanoseconds) / 1e3, digits: 2) + " us"
        default: fixed(Double(nanoseconds) / 1e6, digits: 2) + " ms"
        }
    }

    private static func fixed(_ value: Double, digits: Int) -> String {
        let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int((value * Double(scale)).rounded())
        let fraction = String(scaled % scale)
        return "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}
