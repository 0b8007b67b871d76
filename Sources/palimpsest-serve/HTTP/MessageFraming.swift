import NIOHTTP1

/// Where a request ends (RFC 9112 section 6), and that everybody on its way thinks the same: what somebody could read
/// differently is not served, since that is how one request is smuggled in another.
enum MessageFraming {
    static func check(_ head: HTTPRequestHead) throws(Problem) {
        for (name, value) in head.headers { try check(name, value) }
        let lengths = head.headers["Content-Length"]
        let hasCodings = head.headers.contains(name: "Transfer-Encoding")
        if hasCodings {
            // Section 6.1: whether it knew what it sent cannot be known.
            guard !head.isHTTP10 else {
                throw .malformedRequest("HTTP/1.0 has no Transfer-Encoding.")
            }
            guard lengths.isEmpty else {
                throw .malformedRequest("It has a Content-Length and a Transfer-Encoding.")
            }
            try check(codings: head.headers[canonicalForm: "Transfer-Encoding"].map { $0.lowercased() })
        }
        try check(lengths: lengths)
    }

    /// Section 5.2: a line that goes on in the next one is refused. RFC 9110 section 5.5: so are NUL and single CRs.
    private static func check(_ name: String, _ value: String) throws(Problem) {
        guard !value.utf8.contains(where: { $0 == 0x0d || $0 == 0x0a || $0 == 0 }) else {
            throw .malformedRequest("The value of a field is not on one line.")
        }
    }

    /// Section 6.3: without `chunked` at its end, nobody knows where the body ends. Section 7: it is there once,
    /// without parameters. Section 6.1: other codings would have to be decoded.
    private static func check(codings: [String]) throws(Problem) {
        guard codings.last == "chunked", !codings.dropLast().contains("chunked") else {
            throw .malformedRequest("The last of its transfer codings, and only that, has to be 'chunked'.")
        }
        guard codings.count == 1 else { throw .unsupportedTransferCoding }
    }

    private static func check(lengths: [String]) throws(Problem) {
        guard let length = lengths.first else { return }
        guard lengths.count == 1, !length.isEmpty, length.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw .malformedRequest("Its Content-Length is not one whole number.")
        }
    }
}
