import HTTPTypes
import ToolSupport

/// What can be wrong with a request, whatever it is for.
extension Problem {
    static func invalidPath(_ reason: String) -> Problem {
        Problem(
            kind: "invalid-path", status: .badRequest, title: "The path is malformed",
            detail: "\(reason) A path is ASCII; everything else is percent-encoded UTF-8.")
    }

    static func unknownPath(_ path: String) -> Problem {
        Problem(
            kind: "unknown-path", status: .notFound, title: "There is nothing at this path",
            detail: "There is nothing at '\(path)'. There are: \(Route.overview.joined(separator: ", ")).",
            members: [("paths", .array(Route.overview.map { .string($0) }))])
    }

    static func methodNotAllowed(_ method: String, allowed: [HTTPRequest.Method]) -> Problem {
        let names = allowed.map(\.rawValue).joined(separator: ", ")
        var problem = Problem(
            kind: "method-not-allowed", status: .methodNotAllowed, title: "The method is not allowed here",
            detail: "Expected \(names), found \(method).")
        problem.headers[.allow] = names
        return problem
    }

    static func unsupportedMediaType(found: String?) -> Problem {
        Problem(
            kind: "unsupported-media-type", status: .unsupportedMediaType,
            title: "The body is not declared as JSON",
            detail: "Expected 'Content-Type: application/json' (in UTF-8), "
                + "found \(found.map { "'\($0)'" } ?? "no Content-Type").")
    }

    static func unsupportedEncoding(found: String) -> Problem {
        var problem = Problem(
            kind: "unsupported-encoding", status: .unsupportedMediaType, title: "The body is compressed",
            detail: "Expected no Content-Encoding, found '\(found)'.")
        problem.headers[.acceptEncoding] = "identity"
        return problem
    }

    static func bodyTooLarge(limit: Int, found: Int?) -> Problem {
        Problem(
            kind: "body-too-large", status: .contentTooLarge, title: "The body is too large",
            detail: "Expected at most \(limit) bytes, found \(found.map { "\($0)" } ?? "more").",
            members: [("limit", .integer(limit))]
        ).closingConnection()
    }

    static func requestTimeout(limit: Duration) -> Problem {
        Problem(
            kind: "request-timeout", status: .requestTimeout, title: "The request took too long to arrive",
            detail: "Expected all of it within \(limit.milliseconds) ms.",
            members: [("limitMilliseconds", .integer(limit.milliseconds))]
        ).closingConnection()
    }

    static func invalidTimeout(_ text: String) -> Problem {
        Problem(
            kind: "invalid-timeout", status: .badRequest, title: "The call's time limit is malformed",
            detail: "Expected '\(CallDeadline.field)' to be a whole number of milliseconds above zero, "
                + "found '\(text)'.")
    }

    static func invalidJSON(_ error: JSONError) -> Problem {
        Problem(
            kind: "invalid-json", status: .badRequest, title: "The body is not JSON",
            detail: error.description, members: [("offset", .integer(error.offset))])
    }

    /// The request is not HTTP, or more of it than is accepted.
    static func malformedRequest(_ detail: String) -> Problem {
        Problem(
            kind: "malformed-request", status: .badRequest, title: "The request is not HTTP/1.1", detail: detail
        ).closingConnection()
    }

    static func unknownMethod(_ method: String) -> Problem {
        Problem(
            kind: "unknown-method", status: .notImplemented, title: "The method is not known here",
            detail: "Expected GET, HEAD, POST or OPTIONS, found \(method)."
        ).closingConnection()
    }

    static func unsupportedVersion(_ version: String) -> Problem {
        Problem(
            kind: "unsupported-version", status: .httpVersionNotSupported, title: "The version is not supported",
            detail: "Expected HTTP/1.1 or HTTP/1.0, found \(version)."
        ).closingConnection()
    }

    /// RFC 9112 section 6.1.
    static let unsupportedTransferCoding = Problem(
        kind: "unsupported-transfer-coding", status: .notImplemented, title: "The transfer coding is not implemented",
        detail: "Expected 'Transfer-Encoding: chunked', and no other coding."
    ).closingConnection()

    static func misdirectedHost(_ host: String) -> Problem {
        Problem(
            kind: "misdirected-request", status: .misdirectedRequest, title: "The request is not for this server",
            detail: "It is for '\(host)'. On this machine, the server answers to addresses, to localhost and to names "
                + "that it was told to answer to (--allow-host).")
    }

    /// RFC 9110 section 7.4.
    static let misdirectedScheme = Problem(
        kind: "misdirected-request", status: .misdirectedRequest, title: "The request is not for this server",
        detail: "It is for a URI that is not http."
    ).closingConnection()

    static func expectationFailed(found: String) -> Problem {
        Problem(
            kind: "expectation-failed", status: .expectationFailed, title: "The expectation cannot be met",
            detail: "Expected '100-continue' or no Expect, found '\(found)'.")
    }

    static func targetTooLong(limit: Int) -> Problem {
        Problem(
            kind: "target-too-long", status: .uriTooLong, title: "The request's target is too long",
            detail: "Expected a request line of at most \(limit) bytes.", members: [("limit", .integer(limit))]
        ).closingConnection()
    }

    static func headerTooLarge(limit: Int, fieldLimit: Int) -> Problem {
        Problem(
            kind: "header-too-large", status: .requestHeaderFieldsTooLarge, title: "The request's header is too large",
            detail: "Expected at most \(limit) bytes of path and header, in at most \(fieldLimit) fields.",
            members: [("limit", .integer(limit)), ("fieldLimit", .integer(fieldLimit))]
        ).closingConnection()
    }

    static let shuttingDown = Problem(
        kind: "shutting-down", status: .serviceUnavailable, title: "The server is shutting down",
        detail: "It takes no more calls, and has stopped those that took too long."
    ).retryable(afterSeconds: 5).closingConnection()

    static let overloaded = Problem(
        kind: "overloaded", status: .serviceUnavailable, title: "Too many calls are waiting",
        detail: "The call did not run."
    ).retryable(afterSeconds: 1)

    static let internalError = Problem(
        kind: "internal-error", status: .internalServerError, title: "The server failed",
        detail: "Its log says why.")
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int { Int(components.seconds) * 1_000 + Int(components.attoseconds / 1_000_000_000_000_000) }
}
