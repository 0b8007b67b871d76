import NIOCore

/// Refuses a request line that is too long as what it is, 414 (RFC 9112 section 3): the parser does not tell it from a
/// header that is. Others it leaves in `RequestProgress`, for when the parser refuses one.
///
/// In front of the parser, so it sees lines only where a request begins with what was read from the socket. Of
/// pipelined requests that may be the first only: the others are refused by the parser.
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
        if progress.lineNumber != progress.headCount {
            progress.lineNumber = progress.headCount
            progress.line.removeAll(keepingCapacity: true)
            line = .reading(byteCount: 0)
        }
        guard case .reading(let byteCount) = line else { return }
        // Section 2.2: there may be empty lines in front of it.
        let rest = byteCount == 0 ? bytes.drop { $0 == 0x0d || $0 == 0x0a } : bytes
        let end = rest.firstIndex(of: 0x0a)
        let part = rest[..<(end ?? rest.endIndex)]
        let total = byteCount + part.count
        if total <= byteLimit { progress.line += part }
        line = end == nil || total > byteLimit ? .reading(byteCount: total) : .read
    }
}

@available(*, unavailable)
extension RequestLineHandler: Sendable {}
