/// All time series of one name, which are of one kind.
struct MetricFamily {
    enum Kind: String {
        case counter, gauge, histogram
    }

    let kind: Kind
    var series: [MetricLabels: any TimeSeries] = [:]

    /// Sorted, so that two scrapes are easy to compare.
    func write(to text: inout String, name: String) {
        text += "# TYPE \(name) \(kind.rawValue)\n"
        let sorted = series.map { (labels: $0, series: $1) }.sorted { $0.labels.text < $1.labels.text }
        for (labels, series) in sorted { series.write(to: &text, name: name, labels: labels) }
    }
}
