import CoreMetrics

/// What a time series of whatever kind can do: say what it has.
protocol TimeSeries: AnyObject, Sendable {
    /// Appends one line or more.
    func write(to text: inout String, name: String, labels: MetricLabels)
}

/// Goes up only; what is negative is no increment.
final class CounterSeries: TimeSeries, CounterHandler, FloatingPointCounterHandler {
    private let whole = AtomicCounter()
    private let fractional = AtomicDouble()
    private let isFloatingPoint: Bool

    init(isFloatingPoint: Bool) { self.isFloatingPoint = isFloatingPoint }

    func increment(by amount: Int64) {
        guard amount > 0 else { return }
        whole.add(UInt64(amount))
    }

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        fractional.add(amount)
    }

    func reset() {
        whole.reset()
        fractional.set(0)
    }

    func write(to text: inout String, name: String, labels: MetricLabels) {
        let value = isFloatingPoint ? PrometheusNumber.text(fractional.value) : "\(whole.value)"
        text += "\(name)\(labels.text) \(value)\n"
    }
}

/// The last value: of meters, and of recorders that do not aggregate.
final class GaugeSeries: TimeSeries, MeterHandler, RecorderHandler {
    private let number = AtomicDouble()

    func set(_ value: Int64) { number.set(Double(value)) }
    func set(_ value: Double) { number.set(value) }
    func increment(by amount: Double) { number.add(amount) }
    func decrement(by amount: Double) { number.add(-amount) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }

    func write(to text: inout String, name: String, labels: MetricLabels) {
        text += "\(name)\(labels.text) \(PrometheusNumber.text(number.value))\n"
    }
}

/// How many values were at most as large as each of some bounds: of timers, in seconds, and of recorders.
final class HistogramSeries: TimeSeries, RecorderHandler, TimerHandler {
    /// Ascending.
    private let bounds: [Double]
    /// One more than bounds: the last one is for what is above all of them. Not cumulative until they are written.
    private let counts: [AtomicCounter]
    private let sum = AtomicDouble()

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = (0...bounds.count).map { _ in AtomicCounter() }
    }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count].add(1)
        sum.add(value)
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    /// The count is that of the last bucket, not one of its own: the two never differ, whatever is recorded meanwhile.
    func write(to text: inout String, name: String, labels: MetricLabels) {
        var cumulative: UInt64 = 0
        for (index, count) in counts.enumerated() {
            cumulative += count.value
            let bound = index < bounds.count ? PrometheusNumber.text(bounds[index]) : "+Inf"
            text += "\(name)_bucket\(labels.adding("le", bound)) \(cumulative)\n"
        }
        text += "\(name)_sum\(labels.text) \(PrometheusNumber.text(sum.value))\n"
        text += "\(name)_count\(labels.text) \(cumulative)\n"
    }
}
