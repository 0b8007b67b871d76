import Glibc
import Logging
import Metrics
import NIOCore

/// Stops accepting for a moment when the system has no descriptor, or no memory, for another connection.
///
/// A listening socket with connections in its queue is ready all the time: without this, the server would ask for them
/// as fast as it can, and be refused each time. They wait in the queue meanwhile. The first in the server's own
/// pipeline.
final class AcceptPauseHandler: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never
    typealias OutboundOut = Never

    private static let time = TimeAmount.milliseconds(250)

    private let failures: Counter
    private let logger: Logger
    private var isPaused = false
    private var hasWarned = false

    init(metrics: any MetricsFactory, logger: Logger) {
        failures = Counter(label: "palimpsest_http_accept_failures", factory: metrics)
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) {
            failures.increment()
            warn(error)
            if !isPaused { pause(context) }
        }
        context.fireErrorCaught(error)
    }

    func read(context: ChannelHandlerContext) {
        if !isPaused { context.read() }
    }

    /// A read that has failed is still asked for, so holding back the next one is not enough.
    private func pause(_ context: ChannelHandlerContext) {
        isPaused = true
        let channel = context.channel
        try? channel.syncOptions?.setOption(.autoRead, value: false)
        context.eventLoop.assumeIsolated().scheduleTask(in: AcceptPauseHandler.time) { [self] in
            isPaused = false
            try? channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }

    private func warn(_ error: IOError) {
        guard !hasWarned else { return }
        hasWarned = true
        logger.warning(
            "new connections have to wait, since the system has nothing to take them with; this is said once: \(error)")
    }
}

@available(*, unavailable)
extension AcceptPauseHandler: Sendable {}
