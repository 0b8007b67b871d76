import CoreMetrics
import Synchronization

/// A backend for swift-metrics that Prometheus can scrape, in the text exposition format, version 0.0.4.
///
///     let metrics = PrometheusMetricsFactory()
///     MetricsSystem.bootstrap(metrics)
///     ...
///     response.body = metrics.text()          // of the type PrometheusMetricsFactory.contentType
///
/// Counters get the suffix `_total`; timers are histograms in seconds, with the suffix `_seconds`; recorders are
/// histograms, or gauges if they do not aggregate; meters are gauges. The same name and labels are the same time
/// series. Recording is a few atomic additions and takes no lock.
///
/// What it holds is bounded: past `seriesLimit`, and for a name that has another kind already, time series are made
/// that work but are not exported, and `prometheus_dropped_series_total` counts them.
public final class PrometheusMetricsFactory: MetricsFactory {
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// In seconds: from a call without an exit to a call that waits for others.
    public static let defaultTimerBounds = [
        0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
        0.5, 1, 2.5, 5, 10,
    ]
    public static let defaultRecorderBounds: [Double] = [
        0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096, 16_384, 65_536,
    ]

    private let timerBounds: [Double]
    private let recorderBounds: [Double]
    private let seriesLimit: Int
    private let state = Mutex(State())

    private struct State {
        var families: [String: MetricFamily] = [:]
        var seriesCount = 0
        var droppedCount: UInt64 = 0
    }

    /// - Parameter seriesLimit: time series of all names together.
    public init(
        timerBounds: [Double] = PrometheusMetricsFactory.defaultTimerBounds,
        recorderBounds: [Double] = PrometheusMetricsFactory.defaultRecorderBounds, seriesLimit: Int = 10_000
    ) {
        self.timerBounds = timerBounds.sorted()
        self.recorderBounds = recorderBounds.sorted()
        self.seriesLimit = seriesLimit
    }

    /// All there is, as Prometheus reads it.
    public func text() -> String {
        let (families, droppedCount) = state.withLock { ($0.families, $0.droppedCount) }
        var text = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) { family.write(to: &text, name: name) }
        if droppedCount > 0 {
            text += "# TYPE prometheus_dropped_series_total counter\nprometheus_dropped_series_total \(droppedCount)\n"
        }
        return text
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions, isFloatingPoint: false)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        counter(label, dimensions, isFloatingPoint: true)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(PrometheusNames.metric(label), .gauge, dimensions) { GaugeSeries() }
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        let name = PrometheusNames.metric(label)
        guard aggregate else { return series(name, .gauge, dimensions) { GaugeSeries() } }
        return series(name, .histogram, dimensions) { [recorderBounds] in HistogramSeries(bounds: recorderBounds) }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(PrometheusNames.metric(label, suffix: "_seconds"), .histogram, dimensions) { [timerBounds] in
            HistogramSeries(bounds: timerBounds)
        }
    }

    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    private func counter(_ label: String, _ dimensions: [(String, String)], isFloatingPoint: Bool) -> CounterSeries {
        series(PrometheusNames.metric(label, suffix: "_total"), .counter, dimensions) {
            CounterSeries(isFloatingPoint: isFloatingPoint)
        }
    }

    /// The time series of that name and those labels, made if it is the first to ask.
    private func series<Series: TimeSeries>(
        _ name: String, _ kind: MetricFamily.Kind, _ dimensions: [(String, String)], _ make: () -> Series
    ) -> Series {
        let labels = MetricLabels(dimensions)
        return state.withLock { state in
            let family = state.families[name]
            if let family, family.kind == kind, let known = family.series[labels] as? Series { return known }
            let series = make()
            guard family?.kind ?? kind == kind, family?.series[labels] == nil, state.seriesCount < seriesLimit else {
                state.droppedCount += 1
                return series
            }
            state.families[name, default: MetricFamily(kind: kind)].series[labels] = series
            state.seriesCount += 1
            return series
        }
    }

    private func remove(_ handler: AnyObject) {
        state.withLock { state in
            for (name, family) in state.families {
                guard let labels = family.series.first(where: { $0.value === handler })?.key else { continue }
                state.families[name]?.series[labels] = nil
                if family.series.count == 1 { state.families[name] = nil }
                state.seriesCount -= 1
                return
            }
        }
    }
}
