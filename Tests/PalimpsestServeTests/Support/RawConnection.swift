import Foundation

/// A client that sends bytes as they are.
final class RawConnection {
    private let descriptor: Int32
    private var received: [UInt8] = []

    /// - Parameter receiveBuffer: bytes the kernel may keep for a client that does not read; nil for its default.
    init(_ server: Server, receiveBuffer: Int32? = nil) throws {
        descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("socket: \(errno)") }
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = server.port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure("connect: \(errno)") }
    }

    deinit { close(descriptor) }

    /// False if the server takes no more.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    func closeSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next answer; nil if the connection ends, or the time, before it is whole.
    func reply(within seconds: Double = 60, isHead: Bool = false) -> Reply? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while true {
            if let (reply, byteCount) = Reply.first(received, isHead: isHead) {
                received.removeFirst(byteCount)
                return reply
            }
            guard let bytes = read(until: deadline), !bytes.isEmpty else { return nil }
            received += bytes
        }
    }

    /// Whether the server ends the connection, having sent nothing more.
    func ends(within seconds: Double) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        guard received.isEmpty, let bytes = read(until: deadline) else { return false }
        return bytes.isEmpty
    }

    /// Whether anything comes; it is not read.
    func hasData(within seconds: Double) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, Int32(seconds * 1_000)) > 0
    }

    /// Reads and forgets; how many bytes came before the connection ended, nil if it does not.
    func byteCountUntilEnd(within seconds: Double) -> Int? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        var count = 0
        while let bytes = read(until: deadline) {
            if bytes.isEmpty { return count }
            count += bytes.count
        }
        return nil
    }

    /// Some bytes; none at the end, or after a reset; nil if nothing comes in time.
    private func read(until deadline: Date) -> [UInt8]? {
        let milliseconds = deadline.timeIntervalSinceNow * 1_000
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard milliseconds > 0, Glibc.poll(&poll, 1, Int32(milliseconds)) > 0 else { return nil }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        return count > 0 ? Array(chunk[..<count]) : []
    }
}

/// A request as bytes.
enum RawRequest {
    static func call(_ function: String, _ body: String, _ headers: String...) -> String {
        let lines = ["POST /call/\(function) HTTP/1.1", "Host: localhost", "Content-Type: application/json"] + headers
        return lines.joined(separator: "\r\n") + "\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
    }

    static func get(_ path: String, _ headers: String...) -> String {
        (["GET \(path) HTTP/1.1", "Host: localhost"] + headers).joined(separator: "\r\n") + "\r\n\r\n"
    }
}
