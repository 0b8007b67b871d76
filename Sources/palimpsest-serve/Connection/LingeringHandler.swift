import NIOCore

/// Ends a connection in steps, so that the last answer arrives although its client is still sending: this half of it is
/// closed, and what comes on the other is read and thrown away (RFC 9112 section 9.6). Closing at once would have the
/// kernel reset the connection, and the client might lose the answer.
///
/// The first in the pipeline: what it throws away nobody parses.
final class LingeringHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// Sent down the pipeline once the last answer is written.
    struct Begin {}

    private let limits: ConnectionLimits
    private var isLingering = false
    private var inputIsClosed = false
    private var isQuiescing = false
    private var byteCount = 0
    private var silence: Scheduled<Void>?
    private var end: Scheduled<Void>?

    init(limits: ConnectionLimits) { self.limits = limits }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is Begin else { return context.triggerUserOutboundEvent(event, promise: promise) }
        promise?.succeed()
        guard !inputIsClosed else { return context.close(promise: nil) }
        isLingering = true
        context.close(mode: .output, promise: nil)
        waitForBytes(context)
        // Nobody waits longer for a server that is to end.
        end = close(context, after: isQuiescing ? limits.linger : limits.transfer)
        // From here on nobody else asks for more.
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isLingering else { return context.fireChannelRead(data) }
        byteCount += unwrapInboundIn(data).readableBytes
        if byteCount > limits.lingerByteCount { context.close(promise: nil) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard isLingering else { return context.fireChannelReadComplete() }
        waitForBytes(context)
        context.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            inputIsClosed = true
            if isLingering { return context.close(promise: nil) }
        case is ChannelShouldQuiesceEvent:
            isQuiescing = true
            guard isLingering else { break }
            end?.cancel()
            end = close(context, after: limits.linger)
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        silence?.cancel()
        end?.cancel()
    }

    private func waitForBytes(_ context: ChannelHandlerContext) {
        silence?.cancel()
        silence = close(context, after: limits.linger)
    }

    private func close(_ context: ChannelHandlerContext, after time: Duration) -> Scheduled<Void> {
        context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(time)) { context.close(promise: nil) }
    }
}

@available(*, unavailable)
extension LingeringHandler: Sendable {}
