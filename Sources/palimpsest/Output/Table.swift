import ToolSupport

/// Rows of text in columns as wide as their widest cell. No line ends in spaces.
struct Table {
    enum Alignment { case left, right }

    private let titles: [String]
    private let alignments: [Alignment]
    private var rows: [[Cell]] = []

    struct Cell: ExpressibleByStringInterpolation {
        let text: String
        var style = Terminal.Style.plain

        init(_ text: String, _ style: Terminal.Style = .plain) {
            self.text = text
            self.style = style
        }

        init(stringLiteral value: String) { text = value }
    }

    init(_ columns: [(title: String, alignment: Alignment)]) {
        titles = columns.map(\.title)
        alignments = columns.map(\.alignment)
    }

    mutating func add(_ cells: Cell...) { rows.append(cells) }

    func render(indentation: Int = 2) -> String {
        var widths = titles.map(\.count)
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.text.count) }
        }
        let header = titles.map { Cell($0, .bold) }
        let margin = String(repeating: " ", count: indentation)
        return ([header] + rows).map { row in
            margin + line(row, widths)
        }.joined(separator: "\n")
    }

    /// One row; empty cells at its end leave nothing behind.
    private func line(_ row: [Cell], _ widths: [Int]) -> String {
        let count = row.lastIndex { !$0.text.isEmpty }.map { $0 + 1 } ?? 0
        return row.prefix(count).enumerated().map { column, cell in
            let isLast = column == count - 1 && alignments[column] == .left
            let text = isLast ? cell.text : cell.text.padded(to: widths[column], alignment: alignments[column])
            return cell.style.apply(to: text)
        }.joined(separator: "  ")
    }
}

extension String {
    /// Spaces added up to `width` characters; longer text stays as it is.
    func padded(to width: Int, alignment: Table.Alignment = .left) -> String {
        let spaces = String(repeating: " ", count: max(0, width - count))
        return alignment == .left ? self + spaces : spaces + self
    }
}
