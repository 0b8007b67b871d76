import NIOHTTP1

/// The `Host` field (RFC 9112 section 3.2): one, with an authority or nothing in it; HTTP/1.0 may do without.
enum HostField {
    static func value(_ head: HTTPRequestHead) throws(Problem) -> String? {
        let values = head.headers["Host"]
        guard let value = values.first else {
            guard head.isHTTP10 else { throw .malformedRequest("It has no Host.") }
            return nil
        }
        guard values.count == 1 else { throw .malformedRequest("It has more than one Host.") }
        guard Authority(value) != nil else { throw .malformedRequest("Its Host is not the name of one.") }
        return value
    }
}
