import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Hummingbird's HTTP/1.1, each connection with a `ConnectionGuard` and in a task that ends when its client is gone.
struct GuardedHTTP1Channel: ServerChildChannel {
    /// A connection, and whether its client is there.
    struct Value: ServerChildChannelValue {
        let connection: HTTP1Channel.Value
        let client: ClientPresence
        var channel: any Channel { connection.channel }
    }

    private let limits: ConnectionLimits
    private let connections: ConnectionRegistry
    private let responder: HTTPChannelHandler.Responder

    init(
        limits: ConnectionLimits, connections: ConnectionRegistry, responder: @escaping HTTPChannelHandler.Responder
    ) {
        self.limits = limits
        self.connections = connections
        self.responder = responder
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let client = ClientPresence()
        return http1(client).setup(channel: channel, logger: logger).flatMapThrowing { connection in
            let pipeline = channel.pipeline.syncOperations
            let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
            let progress = RequestProgress()
            try pipeline.addHandlers(
                [RequestHeadHandler(progress: progress), KeepAliveHandler()], position: .before(codec))
            try pipeline.addHandlers(
                [
                    LingeringHandler(limits: limits),
                    RequestLineHandler(byteLimit: limits.headerByteCount, progress: progress),
                ], position: .first)
            return Value(connection: connection, client: client)
        }
    }

    func handle(value: Value, logger: Logger) async {
        connections.add(value.channel)
        defer { connections.remove(value.channel) }
        // A task of its own, because only its handle can be cancelled from the channel.
        let task = Task { await http1(value.client).handle(value: value.connection, logger: logger) }
        value.client.whenGone { task.cancel() }
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private func http1(_ client: ClientPresence) -> HTTP1Channel {
        HTTP1Channel(
            responder: responder,
            configuration: .init(
                additionalChannelHandlers: [ConnectionGuard(limits: limits, client: client)],
                idleTimeout: TimeAmount(limits.idle),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.headerByteCount, maxHeaderListSize: limits.headerByteCount,
                    maxHeaderFieldCount: limits.headerFieldCount)))
    }
}
