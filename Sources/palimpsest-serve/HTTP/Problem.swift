import HTTPTypes
import ToolSupport

/// An error as a client sees it: an object of type `application/problem+json` (RFC 9457).
///
/// Nothing of the host gets into one: no path, no address, no text of an error that is not the client's or the guest's.
struct Problem: Error {
    static let contentType = "application/problem+json"

    /// What is stable for programs: the last part of `type`.
    let kind: String
    let status: HTTPResponse.Status
    let title: String
    let detail: String
    /// What helps beyond the text.
    var members: [(String, JSON)] = []
    var headers = HTTPFields()

    /// A URN, not a link: there is no server of this project's that could answer one.
    var type: String { "urn:palimpsest:problem:\(kind)" }

    var json: JSON {
        .object(
            [
                ("type", .string(type)), ("title", .string(title)), ("status", .integer(status.code)),
                ("detail", .string(detail)),
            ] + members)
    }

    /// The connection ends behind the answer.
    func closingConnection() -> Problem {
        var problem = self
        problem.headers[.connection] = "close"
        return problem
    }

    /// Worth another attempt after so many seconds.
    func retryable(afterSeconds seconds: Int) -> Problem {
        var problem = self
        problem.headers[.retryAfter] = "\(seconds)"
        return problem
    }
}
