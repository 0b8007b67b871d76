import NIOCore
import NIOHTTP1

/// Stands behind the parser and lets only such requests through as RFC 9112 allows, which is more than it asks for
/// itself: those that end where they seem to, for one host, with a target that is one. From here on each has its target
/// in origin-form, and in `Host` the authority it is for.
final class RequestHeadHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let progress: RequestProgress
    private var hasRefused = false

    init(progress: RequestProgress) { self.progress = progress }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasRefused else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            progress.headCount += 1
            progress.isBetweenRequests = false
            pass(head, context)
        case .body: context.fireChannelRead(data)
        case .end:
            progress.isBetweenRequests = true
            context.fireChannelRead(data)
        }
    }

    /// All that the parser says of a request line is that it is none: which status that is depends on the line.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let reason = error as? HTTPParserError, let line = progress.currentLine.flatMap({ RequestLine($0) }),
            let problem = line.problem(reason)
        else { return context.fireErrorCaught(error) }
        context.fireErrorCaught(RequestRefusal(problem: problem, isHead: line.method == "HEAD"))
    }

    private func pass(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        do throws(Problem) {
            context.fireChannelRead(wrapInboundOut(.head(try RequestHeadHandler.checked(head))))
        } catch {
            hasRefused = true
            context.fireErrorCaught(RequestRefusal(problem: error, isHead: head.method == .HEAD))
        }
    }

    private static func checked(_ head: HTTPRequestHead) throws(Problem) -> HTTPRequestHead {
        var head = trimmed(head)
        try MessageFraming.check(head)
        let host = try HostField.value(head)
        let target = try RequestTarget(head.uri, method: head.method)
        if let authority = target.authority, authority != host {
            // RFC 9112 section 3.2.2: what Host says is ignored then.
            head.headers.replaceOrAdd(name: "Host", value: authority)
        }
        if target.path != head.uri { head.uri = target.path }
        // RFC 9110 section 10.1.1: a client of HTTP/1.0 does not know what it asks for, nor the answer.
        if head.isHTTP10 { head.headers.remove(name: "Expect") }
        return head
    }

    /// RFC 9112 section 5.1: white space around a value is no part of it. The parser leaves what is behind.
    private static func trimmed(_ head: HTTPRequestHead) -> HTTPRequestHead {
        func isSpace(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 }
        guard head.headers.contains(where: { isSpace($0.value.utf8.last) || isSpace($0.value.utf8.first) }) else {
            return head
        }
        var head = head
        head.headers = HTTPHeaders(
            head.headers.map { name, value in
                var bytes = value.utf8[...]
                while isSpace(bytes.last) { bytes.removeLast() }
                return (name, String(bytes.drop { isSpace($0) }) ?? "")
            })
        return head
    }
}

@available(*, unavailable)
extension RequestHeadHandler: Sendable {}
