import Glibc

/// Where a debugger connects: `127.0.0.1:1234`, `[::1]:1234`, `localhost:1234` (port 0 takes a free one), or
/// `unix:PATH`.
public enum DebuggerAddress: Sendable, Hashable, CustomStringConvertible {
    case ipv4(host: String, port: UInt16)
    case ipv6(host: String, port: UInt16)
    case unix(path: String)

    /// The longest path of a socket, without the zero at its end (unix(7)).
    static let maximumPathByteCount = 107

    /// - Throws: `DebuggerError.invalidAddress`.
    public init(_ text: String) throws(DebuggerError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard (1...DebuggerAddress.maximumPathByteCount).contains(path.utf8.count), !path.utf8.contains(0) else {
                throw .invalidAddress(text, reason: "a path has 1 to \(DebuggerAddress.maximumPathByteCount) bytes")
            }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw .invalidAddress(text, reason: "there is no port from 0 to 65535")
        }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            self = .ipv6(host: String(host.dropFirst().dropLast()), port: port)
        } else {
            self = .ipv4(host: host == "localhost" ? "127.0.0.1" : String(host), port: port)
        }
        var place = in6_addr()
        guard inet_pton(family, self.host, &place) == 1 else {
            throw .invalidAddress(text, reason: "the host is no numeric address")
        }
    }

    /// Whether only this machine can connect.
    public var isLocal: Bool {
        switch self {
        case .ipv4(let host, _): host.hasPrefix("127.")
        case .ipv6(let host, _): host == "::1"
        case .unix: true
        }
    }

    /// As gdb's `target remote` takes it.
    public var description: String {
        switch self {
        case .ipv4(let host, let port): "\(host):\(port)"
        case .ipv6(let host, let port): "[\(host)]:\(port)"
        case .unix(let path): path
        }
    }

    var family: CInt {
        switch self {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    private var host: String {
        switch self {
        case .ipv4(let host, _), .ipv6(let host, _): host
        case .unix: ""
        }
    }

    /// The same with the port that the system has chosen.
    func with(port: UInt16) -> DebuggerAddress {
        switch self {
        case .ipv4(let host, _): .ipv4(host: host, port: port)
        case .ipv6(let host, _): .ipv6(host: host, port: port)
        case .unix: self
        }
    }

    /// Lends the address as the kernel takes it.
    func withSystemAddress<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
        func lend<Address>(_ address: Address) -> Value {
            withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<Address>.size))
                }
            }
        }
        switch self {
        case .ipv4(let host, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            inet_pton(AF_INET, host, &address.sin_addr)
            return lend(address)
        case .ipv6(let host, let port):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            inet_pton(AF_INET6, host, &address.sin6_addr)
            return lend(address)
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            return lend(address)
        }
    }
}
