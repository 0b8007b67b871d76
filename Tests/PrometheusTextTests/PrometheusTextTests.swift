import CoreMetrics
import PrometheusText
import Testing

@Suite("Metrics as Prometheus reads them")
struct PrometheusTextTests {
    private let factory = PrometheusMetricsFactory(timerBounds: [0.001, 1], recorderBounds: [1, 10])

    @Test("every kind has its type, its suffix and its value; names and series are sorted")
    func kinds() {
        Counter(label: "calls", dimensions: [("status", "ok")], factory: factory).increment(by: 3)
        Counter(label: "calls", dimensions: [("status", "bad")], factory: factory).increment()
        FloatingPointCounter(label: "joules", factory: factory).increment(by: 1.5)
        Meter(label: "temperature", factory: factory).set(-2.25)
        Gauge(label: "depth", factory: factory).record(7)
        #expect(
            factory.text() == """
                # TYPE calls_total counter
                calls_total{status="bad"} 1
                calls_total{status="ok"} 3
                # TYPE depth gauge
                depth 7
                # TYPE joules_total counter
                joules_total 1.5
                # TYPE temperature gauge
                temperature -2.25

                """)
    }

    @Test("label values that are canonically equivalent and differ in bytes are two time series")
    func equivalentLabels() {
        Counter(label: "calls", dimensions: [("function", "\u{e9}")], factory: factory).increment(by: 1)
        Counter(label: "calls", dimensions: [("function", "e\u{301}")], factory: factory).increment(by: 2)
        Counter(label: "calls", dimensions: [("function", "\u{e9}")], factory: factory).increment(by: 4)
        let lines = factory.text().split(separator: "\n").map { Array($0.utf8) }
        #expect(lines.count == 3)
        #expect(lines.contains(Array("calls_total{function=\"\u{e9}\"} 5".utf8)))
        #expect(lines.contains(Array("calls_total{function=\"e\u{301}\"} 2".utf8)))
    }

    @Test("timers are histograms in seconds, recorders histograms; buckets are cumulative and bounds belong to them")
    func histograms() {
        let timer = Timer(label: "wait", dimensions: [("queue", "a")], factory: factory)
        for nanoseconds: Int64 in [1, 1_000_000, 1_000_001, 5_000_000_000] { timer.recordNanoseconds(nanoseconds) }
        let recorder = Recorder(label: "pages", factory: factory)
        for value in [1, 2, 11] { recorder.record(value) }
        #expect(
            factory.text() == """
                # TYPE pages histogram
                pages_bucket{le="1"} 1
                pages_bucket{le="10"} 2
                pages_bucket{le="+Inf"} 3
                pages_sum 14
                pages_count 3
                # TYPE wait_seconds histogram
                wait_seconds_bucket{queue="a",le="0.001"} 2
                wait_seconds_bucket{queue="a",le="1"} 3
                wait_seconds_bucket{queue="a",le="+Inf"} 4
                wait_seconds_sum{queue="a"} 5.002000002
                wait_seconds_count{queue="a"} 4

                """)
    }

    @Test("the same name and labels are the same series, and suffixes are not doubled")
    func sameSeries() {
        for _ in 0..<5 { Counter(label: "requests_total", dimensions: [("a", "1")], factory: factory).increment() }
        #expect(factory.text().contains("requests_total{a=\"1\"} 5\n"))
        #expect(!factory.text().contains("total_total"))
    }

    @Test(
        "names and labels that are not allowed are made so",
        arguments: [
            ("a.b-c", "a_b_c_total"), ("9lives", "_9lives_total"), ("", "__total"), ("grüße", "gr__e_total"),
            ("ns:name", "ns:name_total"), ("x\ny{", "x_y__total"),
        ])
    func names(label: String, name: String) {
        Counter(label: label, factory: factory).increment()
        #expect(factory.text().contains("\n\(name) 1\n"))
    }

    @Test("label values are escaped and cut off, label names cleaned, the second of two alike left out")
    func labels() {
        let dimensions = [
            ("a b", "q\"b\\n\nx"), ("a_b", "again"), ("__name__", "reserved"), ("le", "5"),
            ("long", .init(repeating: "y", count: 300)),
        ]
        Counter(label: "c", dimensions: dimensions, factory: factory).increment()
        let line = #"c_total{a_b="q\"b\\n\nx",_name__="reserved",exported_le="5",long=""#
        #expect(factory.text().contains(line + String(repeating: "y", count: 256) + "\"} 1\n"))
    }

    @Test("numbers that are not finite, and large ones, are written as Prometheus has them")
    func numbers() {
        let values: [(String, Double)] = [("a", .nan), ("b", .infinity), ("c", -.infinity), ("d", 1e300), ("e", 1e10)]
        for (name, value) in values {
            Meter(label: name, factory: factory).set(value)
        }
        for line in ["a NaN", "b +Inf", "c -Inf", "d 1e+300", "e 10000000000"] {
            #expect(factory.text().contains("\n\(line)\n"))
        }
    }

    @Test("what a counter cannot take is ignored")
    func counterMisuse() {
        let counter = Counter(label: "c", factory: factory)
        counter.increment(by: 2)
        counter.increment(by: -1)
        let fractional = FloatingPointCounter(label: "f", factory: factory)
        fractional.increment(by: 0.5)
        fractional.increment(by: -Double.infinity)
        fractional.increment(by: Double.nan)
        Recorder(label: "r", factory: factory).record(Double.nan)
        let text = factory.text()
        #expect(text.contains("c_total 2\n"))
        #expect(text.contains("f_total 0.5\n"))
        #expect(text.contains("r_count 0\n"))
    }

    @Test("past the limit, and for a name of another kind, series work and are not exported, and are counted")
    func bounds() {
        let factory = PrometheusMetricsFactory(seriesLimit: 3)
        for index in 0..<10 {
            Counter(label: "c", dimensions: [("i", "\(index)")], factory: factory).increment()
        }
        #expect(factory.text().split(separator: "\n").filter { $0.hasPrefix("c_total{") }.count == 3)
        #expect(factory.text().hasSuffix("prometheus_dropped_series_total 7\n"))
        let other = PrometheusMetricsFactory()
        Meter(label: "x", factory: other).set(1)
        Recorder(label: "x", factory: other).record(1)
        #expect(other.text().contains("# TYPE x gauge\nx 1\n"))
        #expect(other.text().hasSuffix("prometheus_dropped_series_total 1\n"))
    }

    @Test("what is destroyed is gone, and makes room")
    func destruction() {
        let factory = PrometheusMetricsFactory(seriesLimit: 1)
        let counter = Counter(label: "c", factory: factory)
        counter.increment()
        counter.destroy()
        #expect(factory.text().isEmpty)
        Meter(label: "m", factory: factory).set(2)
        #expect(factory.text() == "# TYPE m gauge\nm 2\n")
    }

    @Test("nothing is lost when many tasks record, make series and scrape at once")
    func concurrency() async {
        let factory = factory
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for index in 0..<2_000 {
                        Counter(label: "c", dimensions: [("i", "\(index % 7)")], factory: factory).increment()
                        Meter(label: "m", factory: factory).increment(by: 1)
                        Recorder(label: "r", factory: factory).record(Double(index % 12))
                        if index % 500 == task { _ = factory.text() }
                    }
                }
            }
        }
        let text = factory.text()
        let counted = text.split(separator: "\n").filter { $0.hasPrefix("c_total{") }
            .compactMap { Int($0.split(separator: " ")[1]) }.reduce(0, +)
        #expect(counted == 16_000)
        #expect(text.contains("m 16000\n"))
        #expect(text.contains("r_count 16000\n"))
    }
}
