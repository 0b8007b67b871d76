import Metrics
import NIOCore
import Synchronization

/// All connections there are: to count them, and to end those that outlast a shutdown.
final class ConnectionRegistry: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])
    private let gauge: Meter

    init(metrics: any MetricsFactory) {
        gauge = Meter(label: "palimpsest_http_connections", factory: metrics)
        gauge.set(0)
    }

    func add(_ channel: any Channel) {
        _ = channels.withLock { $0.updateValue(channel, forKey: ObjectIdentifier(channel)) }
        gauge.increment()
    }

    func remove(_ channel: any Channel) {
        _ = channels.withLock { $0.removeValue(forKey: ObjectIdentifier(channel)) }
        gauge.decrement()
    }

    func closeAll() {
        for channel in channels.withLock({ Array($0.values) }) { channel.close(promise: nil) }
    }
}
