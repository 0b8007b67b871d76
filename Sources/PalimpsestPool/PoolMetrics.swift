import Metrics

/// A pool's metrics, made once. Recorded by the pool's threads, after the call that they tell of has been answered.
struct PoolMetrics: Sendable {
    private let pool: String
    private let waiting: Gauge
    private let running: Gauge
    private let idle: Gauge
    private let sandboxes: Gauge
    private let memory: Gauge

    /// nil for the backend that keeps nothing, which is there before any other is bootstrapped.
    /// - Parameter pool: the value of the label `pool`.
    init?(pool: String, factory: any MetricsFactory) {
        if factory is NOOPMetricsHandler { return nil }
        self.pool = pool
        let labels = [("pool", pool)]
        waiting = Gauge(label: "palimpsest_pool_waiting", dimensions: labels)
        running = Gauge(label: "palimpsest_pool_running", dimensions: labels)
        idle = Gauge(label: "palimpsest_pool_idle", dimensions: labels)
        sandboxes = Gauge(label: "palimpsest_pool_sandboxes", dimensions: labels)
        memory = Gauge(label: "palimpsest_pool_memory_bytes", dimensions: labels)
    }

    func record(_ current: SandboxPoolStatistics) {
        waiting.record(current.waiting)
        running.record(current.running)
        idle.record(current.idle)
        sandboxes.record(current.sandboxes)
        memory.record(current.memoryByteCount)
    }

    /// Of one snapshot.
    func lane(_ snapshot: String) -> LaneMetrics { LaneMetrics([("pool", pool), ("snapshot", snapshot)]) }
}
