import HTTPTypes
import HummingbirdCore
import NIOCore

extension Request {
    /// All of the body.
    /// - Throws: `Problem` if it is too large, late or not declared as JSON; `CancellationError` if the client is gone;
    ///   the parser's error.
    func jsonBody(limit: Int, timeLimit: Duration) async throws -> [UInt8] {
        try checkContentType()
        let announced = headers[.contentLength].flatMap { Int($0) }
        if let announced, announced > limit { throw Problem.bodyTooLarge(limit: limit, found: announced) }
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
        if Task.isCancelled || announced.map({ $0 != bytes.count }) ?? false { throw CancellationError() }
        return bytes
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
