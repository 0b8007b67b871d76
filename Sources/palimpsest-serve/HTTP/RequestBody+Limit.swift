import HTTPTypes
import HummingbirdCore
import NIOCore

extension Request {
    /// What can be said of the body before it is there.
    /// - Throws: if it is too large, or not declared as JSON.
    func checkBody(limit: Int) throws(Problem) {
        try checkContentType()
        if let announcedLength, announcedLength > limit {
            throw .bodyTooLarge(limit: limit, found: announcedLength)
        }
    }

    /// All of the body.
    /// - Throws: `Problem` if it is too large or late; `CancellationError` if the client is gone; the parser's error.
    func jsonBody(limit: Int, timeLimit: Duration) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            for try await part in body {
                guard bytes.count + part.readableBytes <= limit else {
                    throw Problem.bodyTooLarge(limit: limit, found: nil)
                }
                bytes += part.readableBytesView
            }
        } catch is RequestTimeout {
            throw Problem.requestTimeout(limit: timeLimit)
        }
        // A body whose client is gone just ends.
        if Task.isCancelled || announcedLength.map({ $0 != bytes.count }) ?? false { throw CancellationError() }
        return bytes
    }

    private var announcedLength: Int? { headers[.contentLength].flatMap { Int($0) } }

    // MARK: - Expect (RFC 9110 section 10.1.1)

    /// - Throws: if the client expects anything but `100-continue`.
    func checkExpectation() throws(Problem) {
        guard let expectations = headers[.expect] else { return }
        let isKnown = expectations.split(separator: ",").allSatisfy {
            $0.filter { $0 != " " && $0 != "\t" }.lowercased() == "100-continue"
        }
        guard isKnown else { throw .expectationFailed(found: expectations) }
    }

    /// Whether the client sends the body only when it is told to. One without a body does not wait.
    var awaitsContinue: Bool {
        headers[.expect] != nil && (headers[.transferEncoding] != nil || announcedLength ?? 0 > 0)
    }

    /// Only what a web page of another origin cannot send without being asked first (CORS): a server on this machine is
    /// otherwise open to any page its user looks at.
    private func checkContentType() throws(Problem) {
        let parts = (headers[.contentType] ?? "").lowercased().split(separator: ";", omittingEmptySubsequences: false)
            .map { $0.filter { $0 != " " && $0 != "\"" } }
        guard parts.first == "application/json",
            parts.dropFirst().allSatisfy({ !$0.hasPrefix("charset=") || $0 == "charset=utf-8" })
        else { throw .unsupportedMediaType(found: headers[.contentType]) }
        if let encoding = headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw .unsupportedEncoding(found: encoding)
        }
    }
}
