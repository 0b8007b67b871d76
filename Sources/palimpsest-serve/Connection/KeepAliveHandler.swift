import NIOCore
import NIOHTTP1

/// Knows which requests leave their connection open (RFC 9112 section 9.3): those of HTTP/1.1, unless they say `close`,
/// and those of HTTP/1.0 that say `keep-alive`, which is then said in their answer, too (appendix C.2.2).
///
/// It has a request say `Connection: close` where it means it without that: HTTP/1.0 does, and the version is not
/// passed on beyond the codec. Nothing that comes behind such a request is read.
final class KeepAliveHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Input {
        case open
        /// This request is the last one.
        case closing
        case closed
    }

    private var input = Input.open
    /// For each request that has not been answered, whether its answer has to say that the connection stays open.
    private var announcements = CircularBuffer<Bool>()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard input != .closed else { return }
        switch unwrapInboundIn(data) {
        case .head(var head):
            let options = head.headers[canonicalForm: "Connection"].map { $0.lowercased() }
            let isOld = head.isHTTP10
            let closes = options.contains("close") || isOld && !options.contains("keep-alive")
            announcements.append(isOld && !closes)
            guard closes else { return context.fireChannelRead(data) }
            input = .closing
            head.headers.replaceOrAdd(name: "Connection", value: "close")
            context.fireChannelRead(wrapInboundOut(.head(head)))
        case .body: context.fireChannelRead(data)
        case .end:
            if input == .closing { input = .closed }
            context.fireChannelRead(data)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .head(var head) = unwrapOutboundIn(data), !(100..<200).contains(head.status.code),
            announcements.popFirst() == true, !head.headers.contains(name: "Connection")
        else { return context.write(data, promise: promise) }
        head.headers.add(name: "Connection", value: "keep-alive")
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }
}

@available(*, unavailable)
extension KeepAliveHandler: Sendable {}
