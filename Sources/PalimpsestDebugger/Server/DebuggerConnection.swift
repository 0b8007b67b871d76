import Dispatch
import Glibc
import Synchronization

/// A debugger's connection. A thread of its own reads, so that Ctrl-C is heard while the guest runs.
final class DebuggerConnection: Sendable {
    /// Packets that wait; then the debugger has to.
    private static let maximumWaitingCount = 64
    /// How long a debugger may take to accept a reply: 10 s.
    private static let sendSeconds = 10

    private struct State {
        var reader = PacketReader()
        var packets: [[UInt8]] = []
        var lastReply: [UInt8] = []
        var acknowledges = true
        var isClosed = false
    }

    private let descriptor: CInt
    private let state = Mutex(State())
    private let arrivals = DispatchSemaphore(value: 0)
    /// Begins at 0: a semaphore may not go with less than it began with.
    private let room = DispatchSemaphore(value: 0)

    /// - Parameter descriptor: is closed with the connection.
    init(_ descriptor: CInt) {
        self.descriptor = descriptor
        for _ in 0..<DebuggerConnection.maximumWaitingCount { room.signal() }
        var limit = timeval(tv_sec: DebuggerConnection.sendSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var on: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, socklen_t(MemoryLayout<CInt>.size))
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
    }

    deinit { Glibc.close(descriptor) }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Begins to read. Once.
    /// - Parameter attention: called, on the reading thread, at Ctrl-C and when the debugger has gone.
    func start(attention: @escaping @Sendable () -> Void) {
        DispatchQueue(label: "palimpsest.debugger").async { [self] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                let events = state.withLock { $0.reader.feed(buffer.prefix(count)) }
                for event in events { take(event, attention) }
            }
            state.withLock { $0.isClosed = true }
            arrivals.signal()
            attention()
        }
    }

    private func take(_ event: PacketReader.Event, _ attention: () -> Void) {
        switch event {
        case .packet(let bytes):
            acknowledge("+")
            guard !isClosed else { return }
            room.wait()
            state.withLock { $0.packets.append(bytes) }
            arrivals.signal()
        case .damaged: acknowledge("-")
        case .acknowledged: break
        case .retransmit: write(state.withLock { $0.lastReply })
        case .interrupt: attention()
        }
    }

    private func acknowledge(_ sign: String) {
        if state.withLock({ $0.acknowledges }) { write(Array(sign.utf8)) }
    }

    /// Ends acknowledgements (`QStartNoAckMode`).
    func stopAcknowledging() { state.withLock { $0.acknowledges = false } }

    /// The next packet; nil when the debugger has gone.
    func next() -> [UInt8]? {
        while true {
            arrivals.wait()
            let (packet, isClosed) = state.withLock { state in
                (state.packets.isEmpty ? nil : state.packets.removeFirst(), state.isClosed)
            }
            if let packet {
                room.signal()
                return packet
            }
            if isClosed {
                arrivals.signal()
                return nil
            }
        }
    }

    func send(_ payload: [UInt8]) {
        let bytes = PacketReader.frame(payload)
        state.withLock { $0.lastReply = bytes }
        write(bytes)
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    private func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return close() }
            rest = rest.dropFirst(count)
        }
    }

    /// Ends both directions; what waits to be read is dropped.
    func close() {
        state.withLock { $0.isClosed = true }
        shutdown(descriptor, CInt(SHUT_RDWR))
        arrivals.signal()
        // A reader that waits for room.
        room.signal()
    }
}
