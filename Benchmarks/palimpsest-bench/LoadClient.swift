import Glibc

/// Connections that are kept, each with one request at a time: the next one is sent when the answer is there.
final class LoadClient {
    private static let request = Array(
        """
        POST /call/add HTTP/1.1\r
        Host: localhost\r
        Content-Type: application/json\r
        Content-Length: 6\r
        \r
        [40,2]
        """.utf8)
    /// What an answer ends with.
    private static let result = Array("{\"result\":42}".utf8)

    private struct Connection {
        let descriptor: Int32
        var received: [UInt8] = []
        var sent: UInt64 = 0
    }

    private var connections: [Connection] = []

    init(port: UInt16, connectionCount: Int) throws {
        for _ in 0..<connectionCount { connections.append(Connection(descriptor: try LoadClient.connect(port))) }
    }

    deinit { for connection in connections { close(connection.descriptor) } }

    /// Nanoseconds of every request, of at least so many.
    func times(requestCount: Int) throws -> [UInt64] {
        var times: [UInt64] = []
        times.reserveCapacity(requestCount + connections.count)
        var polls = connections.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        for index in connections.indices { try send(index) }
        var pending = connections.count
        while pending > 0 {
            guard poll(&polls, nfds_t(polls.count), 10_000) > 0 else { throw BenchmarkError.wrongResult }
            for index in polls.indices where polls[index].revents != 0 {
                guard try receive(index) else { continue }
                times.append(nanosecondsNow() - connections[index].sent)
                if times.count + pending <= requestCount { try send(index) } else { pending -= 1 }
            }
        }
        return times
    }

    private func send(_ index: Int) throws {
        connections[index].sent = nanosecondsNow()
        let request = LoadClient.request
        let count = Glibc.send(connections[index].descriptor, request, request.count, Int32(MSG_NOSIGNAL))
        try BenchGuest.check(count == request.count)
    }

    /// Whether the answer is whole.
    private func receive(_ index: Int) throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 1_024)
        let count = recv(connections[index].descriptor, &chunk, chunk.count, 0)
        try BenchGuest.check(count > 0)
        connections[index].received += chunk[..<count]
        let received = connections[index].received
        guard received.suffix(LoadClient.result.count).elementsEqual(LoadClient.result) else {
            try BenchGuest.check(received.count < chunk.count)
            return false
        }
        connections[index].received.removeAll(keepingCapacity: true)
        return true
    }

    private static func connect(_ port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try BenchGuest.check(result == 0)
        var isOn: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
    }
}
