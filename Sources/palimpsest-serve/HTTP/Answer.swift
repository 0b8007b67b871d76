import HTTPTypes
import HummingbirdCore
import NIOCore
import ToolSupport

/// What goes back for a request.
struct Answer {
    let status: HTTPResponse.Status
    var headers: HTTPFields
    let body: String

    init(_ json: JSON) { self.init(.ok, "application/json", json.compact) }

    init(_ problem: Problem) {
        self.init(problem.status, Problem.contentType, problem.json.compact)
        for field in problem.headers { headers[field.name] = field.value }
    }

    init(_ status: HTTPResponse.Status, _ contentType: String, _ body: String) {
        self.status = status
        self.body = body
        headers = [.contentType: contentType, .cacheControl: "no-store", .xContentTypeOptions: "nosniff"]
    }

    /// What the server has, whatever it serves.
    static var overview: Answer {
        var answer = Answer(["paths": .array(Route.overview.map { .string($0) })])
        answer.headers[.allow] = "GET, HEAD, POST, OPTIONS"
        return answer
    }

    var head: HTTPResponse {
        var headers = headers
        headers[.date] = HTTPDate.shared.now
        headers[.contentLength] = "\(body.utf8.count)"
        return HTTPResponse(status: status, headerFields: headers)
    }

    /// The answer to a HEAD request has the length of a body, and none.
    func write(to writer: consuming ResponseWriter, withoutBody: Bool) async throws {
        if withoutBody {
            try await writer.writeResponse(head)
        } else {
            try await writer.write(response: head, body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
        }
    }
}
