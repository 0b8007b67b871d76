import HTTPTypes
import Palimpsest

/// How long a call may take: what the server allows, or less if the client says so.
enum CallDeadline {
    static let field = "Palimpsest-Timeout-Ms"
    private static let name = HTTPField.Name(field)

    static func limit(_ headers: HTTPFields, _ serverLimit: Duration) throws(Problem) -> Duration {
        guard let name, let text = headers[name] else { return serverLimit }
        guard text.utf8.count <= 18, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let milliseconds = Int64(text), milliseconds > 0
        else { throw .invalidTimeout(text) }
        return min(serverLimit, .milliseconds(milliseconds))
    }
}
