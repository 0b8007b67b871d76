import NIOHTTP1

/// What a request is for, in the form its method has (RFC 9112 section 3.2).
struct RequestTarget {
    /// The path and the query; `*` or an authority as they are, which are no path and thus no route.
    let path: String
    /// Of the absolute form only.
    let authority: String?

    init(_ text: String, method: HTTPMethod) throws(Problem) {
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "#") }) else {
            throw .malformedRequest("Its target has characters that a target cannot have.")
        }
        let isAbsolute = text.utf8.first != UInt8(ascii: "/") && text != "*" && method != .CONNECT
        (authority, path) = isAbsolute ? try RequestTarget.absolute(text, method) : (nil, text)
    }

    /// `http://` and what follows. RFC 9110 section 7.4: what is for another scheme is not for this server, https being
    /// for one that has proved who it is.
    private static func absolute(_ text: String, _ method: HTTPMethod) throws(Problem) -> (String, String) {
        guard let colon = text.firstRange(of: "://") else {
            throw .malformedRequest("Its target is neither a path nor a URI.")
        }
        guard text[..<colon.lowerBound].lowercased() == "http" else { throw .misdirectedScheme }
        let rest = text[colon.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = String(rest[..<end])
        // RFC 9110 section 4.2.1: there is no http URI without a host.
        guard let parsed = Authority(authority), parsed.host != .none else {
            throw .malformedRequest("Its target is a URI without a valid host.")
        }
        let path = String(rest[end...])
        // RFC 9112 section 3.2.4: all of the server is what a URI without a path means there.
        if path.isEmpty, method == .OPTIONS { return (authority, "*") }
        return (authority, path.hasPrefix("/") ? path : "/" + path)
    }
}
