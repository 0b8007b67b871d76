import Metrics
import Synchronization

/// What the HTTP side counts. The pool counts its own.
final class ServerMetrics: Sendable {
    private struct Key: Hashable {
        let route: String
        let status: Int?
    }

    private let factory: any MetricsFactory
    private let running: Meter
    private let counters = Mutex<[Key: Counter]>([:])
    private let timers = Mutex<[String: Timer]>([:])

    init(factory: any MetricsFactory) {
        self.factory = factory
        running = Meter(label: "palimpsest_http_requests_in_flight", factory: factory)
        running.set(0)
    }

    func requestBegan() { running.increment() }

    /// - Parameter status: nil if the client was gone before there was one.
    func requestEnded(route: String, status: Int?, duration: Duration) {
        running.decrement()
        counter(Key(route: route, status: status)).increment()
        timer(route).recordNanoseconds(
            duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000)
    }

    private func counter(_ key: Key) -> Counter {
        counters.withLock { counters in
            if let counter = counters[key] { return counter }
            let counter = Counter(
                label: "palimpsest_http_requests",
                dimensions: [("route", key.route), ("status", key.status.map { "\($0)" } ?? "gone")], factory: factory)
            counters[key] = counter
            return counter
        }
    }

    private func timer(_ route: String) -> Timer {
        timers.withLock { timers in
            if let timer = timers[route] { return timer }
            let timer = Timer(
                label: "palimpsest_http_request_duration", dimensions: [("route", route)], factory: factory)
            timers[route] = timer
            return timer
        }
    }
}
