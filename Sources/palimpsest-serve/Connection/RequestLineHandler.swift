import NIOCore

/// Refuses a request line that is too long as what it is, 414 (RFC 9112 section 3): the parser does not tell it from a
/// header that is.
///
/// In front of the parser, so it sees lines only where a request begins with what was read from the socket. Of pipelined
/// requests that may be the first only: the others are refused by the parser.
final class RequestLineHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private enum Line {
        case reading(byteCount: Int)
        /// Fields follow.
        case read
        case refused
    }

    private let byteLimit: Int
    private let progress: RequestProgress
    private var line = Line.reading(byteCount: 0)
    /// Of the requests in front of this line.
    private var headCount = 0

    init(byteLimit: Int, progress: RequestProgress) {
        self.byteLimit = byteLimit
        self.progress = progress
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if progress.isBetweenRequests { read(unwrapInboundIn(data).readableBytesView) }
        switch line {
        case .refused: return
        case .reading(let byteCount) where byteCount > byteLimit:
            line = .refused
            context.fireErrorCaught(RequestRefusal(problem: .targetTooLong(limit: byteLimit), isHead: false))
        default: context.fireChannelRead(data)
        }
    }

    private func read(_ bytes: ByteBufferView) {
        if headCount != progress.headCount {
            headCount = progress.headCount
            line = .reading(byteCount: 0)
        }
        guard case .reading(let byteCount) = line else { return }
        // Section 2.2: there may be empty lines in front of it.
        let rest = byteCount == 0 ? bytes.drop { $0 == 0x0d || $0 == 0x0a } : bytes
        let end = rest.firstIndex(of: 0x0a)
        let total = byteCount + rest.distance(from: rest.startIndex, to: end ?? rest.endIndex)
        line = end == nil || total > byteLimit ? .reading(byteCount: total) : .read
    }
}

@available(*, unavailable)
extension RequestLineHandler: Sendable {}
