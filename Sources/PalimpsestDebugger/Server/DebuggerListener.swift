import Glibc

/// Waits for one debugger to connect.
public final class DebuggerListener: Sendable {
    private let descriptor: CInt
    /// Of the socket's file, to know it again.
    private let file: (device: dev_t, inode: ino_t)?
    /// With the port that was chosen, if it was left open.
    public let address: DebuggerAddress

    /// - Parameter address: a port or a socket's path.
    /// - Parameter allowsRemote: whether other machines may connect. There is no authentication.
    /// - Throws: `DebuggerError.notLocal`, `cannotListen`.
    public init(_ address: DebuggerAddress, allowsRemote: Bool = false) throws(DebuggerError) {
        guard address.isLocal || allowsRemote else { throw .notLocal("\(address)") }
        let descriptor = socket(address.family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw .cannotListen(address: "\(address)", reason: String(cString: strerror(errno)))
        }
        var on: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
        // A socket's file gets the mode of the socket it is made for: its owner's only.
        if case .unix = address { fchmod(descriptor, 0o600) }
        let isBound = address.withSystemAddress { bind(descriptor, $0, $1) } == 0 && listen(descriptor, 1) == 0
        let failure = errno
        guard isBound else {
            close(descriptor)
            throw .cannotListen(address: "\(address)", reason: String(cString: strerror(failure)))
        }
        self.descriptor = descriptor
        file = DebuggerListener.file(of: address)
        self.address = DebuggerListener.port(of: descriptor).map { address.with(port: $0) } ?? address
    }

    deinit {
        close(descriptor)
        // Not what somebody has put in its place meanwhile.
        if case .unix(let path) = address, let file, let found = DebuggerListener.file(of: address), found == file {
            unlink(path)
        }
    }

    private static func file(of address: DebuggerAddress) -> (device: dev_t, inode: ino_t)? {
        var status = stat()
        guard case .unix(let path) = address, lstat(path, &status) == 0 else { return nil }
        return (status.st_dev, status.st_ino)
    }

    private static func port(of descriptor: CInt) -> UInt16? {
        var address = sockaddr_in6()
        var byteCount = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let isKnown = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &byteCount) == 0 }
        }
        // Both families have the port in the same place.
        return isKnown && address.sin6_family != sa_family_t(AF_UNIX) ? UInt16(bigEndian: address.sin6_port) : nil
    }

    /// Waits until a debugger connects.
    /// - Throws: `DebuggerError.cannotAccept`.
    func accept() throws(DebuggerError) -> CInt {
        while true {
            let connection = Glibc.accept(descriptor, nil, nil)
            if connection >= 0 {
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                return connection
            }
            guard errno == EINTR || errno == ECONNABORTED else {
                throw .cannotAccept(address: "\(address)", reason: String(cString: strerror(errno)))
            }
        }
    }
}
