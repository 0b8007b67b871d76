import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Stands between the HTTP codec and Hummingbird, and keeps one connection within its limits.
///
/// - A request that does not arrive in time fails with `RequestTimeout`, and a client that does not take its answer in
///   time is cut off. (A header that does not arrive counts as idle, which Hummingbird limits.)
/// - An answer that begins before its request has arrived ends the connection: nobody wants the rest of a body that was
///   too large. It ends in steps, so that the answer arrives: see `LingeringHandler`.
/// - A client that goes away, or closes its half of the connection, while its request is being answered ends the call.
/// - What is not HTTP, or refused for how it is written, gets an answer that says so, where Hummingbird's is empty.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum Phase {
        case open
        /// The answer that is being written is the last one.
        case closing
        /// It has been written; nothing is read any more.
        case ended
    }

    private let limits: ConnectionLimits
    private let client: ClientPresence
    private var phase = Phase.open
    /// A request's head has arrived, and not yet its end.
    private var isReading = false
    /// Requests whose head has arrived and whose answer has not been written.
    private var unanswered = 0
    private var isQuiescing = false
    /// A request asked for it, or for another protocol: the parser reads nothing that comes behind such a one.
    private var mustClose = false
    /// What is wrong with the bytes that arrived: no request can come behind it.
    private var malformed: RequestRefusal?
    private var readTimer: Scheduled<Void>?
    private var writeTimer: Scheduled<Void>?
    /// Of the last answer.
    private var isFlushing = false

    init(limits: ConnectionLimits, client: ClientPresence) {
        self.limits = limits
        self.client = client
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .ended, malformed == nil else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            isReading = true
            mustClose =
                mustClose || head.method == .connect || head.headerFields[.upgrade] != nil
                || head.headerFields[.connection] == "close"
            unanswered += 1
        case .body: break
        case .end:
            isReading = false
            readTimer?.cancel()
            readTimer = nil
        }
        context.fireChannelRead(data)
    }

    /// Most requests arrive in one piece and need no timer.
    func channelReadComplete(context: ChannelHandlerContext) {
        if isReading, readTimer == nil { startReadTimer(context) }
        context.fireChannelReadComplete()
    }

    private func startReadTimer(_ context: ChannelHandlerContext) {
        readTimer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limits.transfer)) { [self] in
            readTimer = nil
            guard isReading else { return }
            // Behind a request that is still being answered nothing is read: that is not the client's fault.
            if unanswered > 1 { return startReadTimer(context) }
            context.fireErrorCaught(RequestTimeout())
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as HTTPParserError:
            refuse(context, RequestRefusal(problem: problem(error), isHead: false))
        case is HTTP1TypeConversionError:
            refuse(context, RequestRefusal(problem: .malformedRequest("Its method is not a token."), isHead: false))
        case let error as RequestRefusal: refuse(context, error)
        default:
            // Behind bytes that are not HTTP the parser complains about each that follows.
            guard malformed == nil, phase != .ended else { return }
            client.end()
            context.fireErrorCaught(error)
        }
    }

    /// Hummingbird answers the parser's errors only, once it has answered what came before.
    private func refuse(_ context: ChannelHandlerContext, _ refusal: RequestRefusal) {
        malformed = malformed ?? refusal
        context.fireErrorCaught(HTTPParserError.unknown)
    }

    private func problem(_ error: HTTPParserError) -> Problem {
        error == .headerOverflow
            ? .headerTooLarge(limit: limits.headerByteCount, fieldLimit: limits.headerFieldCount)
            : .malformedRequest("The parser says: \(error).")
    }

    // MARK: - Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind != .informational: write(head, context, promise)
        case .end(let trailers): writeEnd(trailers, context, promise)
        default: context.write(data, promise: promise)
        }
    }

    private func write(_ head: HTTPResponse, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        var head = head
        // Hummingbird's own answer to what is not HTTP is the only one without a type.
        let refusal = head.headerFields[.contentType] == nil ? malformed : nil
        let answer = refusal.map { Answer($0.problem) }
        if let answer { head = answer.head }
        // What is being read, or has asked for the end, is the last request: an answer to one before it ends nothing.
        if unanswered <= 1, isReading || isQuiescing || mustClose { head.headerFields[.connection] = "close" }
        if head.headerFields[.connection] == "close" { phase = .closing }
        context.write(wrapOutboundOut(.head(head)), promise: promise)
        if let answer, refusal?.isHead == false {
            context.write(wrapOutboundOut(.body(ByteBuffer(string: answer.body))), promise: nil)
        }
    }

    private func writeEnd(
        _ trailers: HTTPFields?, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
    ) {
        unanswered = max(0, unanswered - 1)
        isFlushing = true
        let promise = promise ?? context.eventLoop.makePromise()
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in
            isFlushing = false
            writeTimer?.cancel()
            writeTimer = nil
            guard phase == .closing else { return }
            phase = .ended
            context.triggerUserOutboundEvent(LingeringHandler.Begin(), promise: nil)
        }
        context.write(wrapOutboundOut(.end(trailers)), promise: promise)
    }

    /// Most answers are gone by the time the flush returns, and need no timer.
    func flush(context: ChannelHandlerContext) {
        context.flush()
        guard isFlushing, writeTimer == nil else { return }
        writeTimer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limits.transfer)) {
            context.close(promise: nil)
        }
    }

    // MARK: - The connection

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed: if unanswered > 0, malformed == nil { client.end() }
        case is ChannelShouldQuiesceEvent: isQuiescing = true
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        client.end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        readTimer?.cancel()
        writeTimer?.cancel()
    }
}

@available(*, unavailable)
extension ConnectionGuard: Sendable {}
