import Glibc
import NIOCore

/// Whom requests may be addressed to.
///
/// A web page can have its own name lead to an address of this machine (DNS rebinding), and then asks this server as if
/// it were its own: the browser lets it read the answers. What gives it away is the name in `Host`. So, on a loopback
/// address, a request has to be for an address, which no page can be rebound from, or for a name that is this
/// machine's.
struct HostPolicy: Sendable {
    private let names: Set<String>
    /// Names were given, so that they are known wherever a request arrives.
    private let holdsEverywhere: Bool

    /// - Parameters:
    ///   - listeningHost: what the server was told to listen on.
    ///   - allowed: more names that are this server's.
    init(listeningHost: String? = nil, allowed: [AllowedHost] = []) {
        let own = [listeningHost, HostPolicy.machineName].compactMap { $0 }.compactMap { AllowedHost(argument: $0) }
        names = Set((own + allowed).map(\.name))
        holdsEverywhere = !allowed.isEmpty
    }

    /// - Parameters:
    ///   - authority: nil if the client did not say, which no browser does.
    ///   - address: where the connection arrived.
    func accepts(_ authority: String?, at address: SocketAddress?) -> Bool {
        guard let authority, let address, address.port != nil, holdsEverywhere || address.isLoopback else {
            return true
        }
        switch Authority(authority)?.host {
        case .some(.none), .address: return true
        // RFC 6761 section 6.3: whatever ends like this is loopback, too.
        case .name(let name): return name == "localhost" || name.hasSuffix(".localhost") || names.contains(name)
        case nil: return false
        }
    }

    private static var machineName: String? {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return nil }
        return String(validating: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension SocketAddress {
    /// 127.0.0.0/8 and ::1; the former also as IPv6 has it.
    fileprivate var isLoopback: Bool {
        switch self {
        case .v4(let address): return UInt32(bigEndian: address.address.sin_addr.s_addr) >> 24 == 127
        case .v6(let address):
            let bytes = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10...11].allSatisfy { $0 == 0xff }
            return bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1 || isMapped && bytes[12] == 127
        case .unixDomainSocket: return false
        }
    }
}
