import Foundation

/// A chart of time over pages, both logarithmic, as SVG: where one strategy's line crosses another's, it starts to pay.
struct Plot {
    struct Series {
        let name: String
        var points: [(pages: Double, nanoseconds: Double)] = []
    }

    let title: String
    private var series: [Series] = []

    private static let colours = ["#7a7a7a", "#1b6ca8", "#c1440e", "#5b8c2a", "#8e4585"]
    private static let (left, top, width, height) = (80.0, 44.0, 560.0, 340.0)
    private static let legendWidth = 130.0

    /// The results named `PREFIXpages=N/strategy=S` and `floor/memcpy-4k/pages=N`, without a suffix or with `suffix`.
    init?(_ title: String, prefix: String, suffix: String, _ report: Report) {
        self.title = title
        for result in report.results {
            guard let (name, pages) = Plot.parse(result.name, prefix, suffix), pages > 0 else { continue }
            let total = Double(result.p50) * (name == Plot.floorName ? pages : 1)
            if let index = series.firstIndex(where: { $0.name == name }) {
                series[index].points.append((pages, total))
            } else {
                series.append(Series(name: name, points: [(pages, total)]))
            }
        }
        series.sort { $0.name < $1.name }
        for index in series.indices { series[index].points.sort { $0.pages < $1.pages } }
        guard series.contains(where: { $0.name != Plot.floorName && $0.points.count > 1 }) else { return nil }
    }

    private static let floorName = "bare memcpy"

    private static func parse(_ name: String, _ prefix: String, _ suffix: String) -> (String, Double)? {
        guard name.hasSuffix(suffix) else { return nil }
        let parts = name.dropLast(suffix.count).split(separator: "/").map(String.init)
        guard let pages = parts.first(where: { $0.hasPrefix("pages=") }).flatMap({ Double($0.dropFirst(6)) }) else {
            return nil
        }
        if parts.count == 3, parts[0] == "floor", parts[1] == "memcpy-4k" { return (floorName, pages) }
        guard parts.count == 3, parts[0] == prefix, parts[2].hasPrefix("strategy=") else { return nil }
        return (String(parts[2].dropFirst(9)), pages)
    }

    var svg: String {
        let points = series.flatMap(\.points)
        let x = Axis(points.map(\.pages), base: 4, from: Plot.left, to: Plot.left + Plot.width)
        let y = Axis(points.map(\.nanoseconds), base: 10, from: Plot.top + Plot.height, to: Plot.top)
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(Plot.left + Plot.width + Plot.legendWidth)) "
                + "\(Int(Plot.top + Plot.height + 56))\" font-family=\"sans-serif\" font-size=\"13\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
            text(title, Plot.left, 24, size: 16),
            text("pages written", Plot.left + Plot.width / 2, Plot.top + Plot.height + 44, anchor: "middle"),
        ]
        for tick in x.ticks {
            lines.append(line(x.place(tick), Plot.top, x.place(tick), Plot.top + Plot.height))
            lines.append(text("\(Int(tick))", x.place(tick), Plot.top + Plot.height + 20, anchor: "middle"))
        }
        for tick in y.ticks {
            lines.append(line(Plot.left, y.place(tick), Plot.left + Plot.width, y.place(tick)))
            lines.append(text(Plot.label(tick), Plot.left - 8, y.place(tick) + 4, anchor: "end"))
        }
        for (index, series) in series.enumerated() {
            let colour = Plot.colours[index % Plot.colours.count]
            let path = series.points.map { "\(rounded(x.place($0.pages))),\(rounded(y.place($0.nanoseconds)))" }
            lines.append(
                "<polyline fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\" points=\"\(path.joined(separator: " "))\"/>"
            )
            let height = Plot.top + 14 + Double(index) * 22
            lines.append(line(Plot.left + Plot.width + 12, height - 4, Plot.left + Plot.width + 32, height - 4, colour))
            lines.append(text(series.name, Plot.left + Plot.width + 38, height))
        }
        return (lines + ["</svg>", ""]).joined(separator: "\n")
    }

    private static func label(_ nanoseconds: Double) -> String {
        switch nanoseconds {
        case ..<1e3: "\(Int(nanoseconds)) ns"
        case ..<1e6: "\(Int(nanoseconds / 1e3)) us"
        default: "\(Int(nanoseconds / 1e6)) ms"
        }
    }

    private func text(_ text: String, _ x: Double, _ y: Double, anchor: String = "start", size: Int = 13) -> String {
        "<text x=\"\(rounded(x))\" y=\"\(rounded(y))\" text-anchor=\"\(anchor)\" font-size=\"\(size)\">\(text)</text>"
    }

    private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ colour: String = "#dddddd") -> String {
        "<line x1=\"\(rounded(x1))\" y1=\"\(rounded(y1))\" x2=\"\(rounded(x2))\" y2=\"\(rounded(y2))\" "
            + "stroke=\"\(colour)\" stroke-width=\"\(colour == "#dddddd" ? 1 : 2)\"/>"
    }

    private func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

    /// A logarithmic axis from the power of `base` below the smallest value to the one above the largest.
    private struct Axis {
        let ticks: [Double]
        private let low: Double
        private let high: Double
        private let from: Double
        private let to: Double

        init(_ values: [Double], base: Double, from: Double, to: Double) {
            let exponents = values.map { log($0) / log(base) }
            let first = (exponents.min() ?? 0).rounded(.down)
            let last = max((exponents.max() ?? 1).rounded(.up), first + 1)
            ticks = stride(from: first, through: last, by: 1).map { pow(base, $0) }
            (low, high) = (first * log(base), last * log(base))
            (self.from, self.to) = (from, to)
        }

        func place(_ value: Double) -> Double { from + (log(value) - low) / (high - low) * (to - from) }
    }
}
