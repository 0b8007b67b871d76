import NIOHTTP1

extension HTTPRequestHead {
    /// Whether its client may know nothing of what came with HTTP/1.1. The parser lets no other version through.
    var isHTTP10: Bool { version == .http1_0 }
}
