import Dispatch
import Glibc
import Metrics
import Synchronization

/// The log's lines on their way to a descriptor that somebody may have stopped reading.
///
/// Whoever logs is never kept waiting: a line is put in memory, and a thread that has nothing else to do writes it.
/// What finds no room there is dropped and counted, and the log says how many lines those were once it is read again.
///
/// Invariant: `isWriting` is true exactly while that thread has been asked to write and has not found everything
/// written.
final class LogQueue: TextOutputStream, Sendable {
    private struct State {
        var waiting: [UInt8] = []
        /// Since the log last said so.
        var droppedLineCount = 0
        var isWriting = false
    }

    private let descriptor: Int32
    private let byteLimit: Int
    private let dropped: Counter
    private let state = Mutex(State())
    private let writer = DispatchQueue(label: "palimpsest.log")

    /// - Parameters:
    ///   - byteLimit: of what waits; as much again may be on its way.
    ///   - dropped: counts lines that were not written.
    init(descriptor: Int32, byteLimit: Int = 1 << 20, dropped: Counter) {
        self.descriptor = descriptor
        self.byteLimit = byteLimit
        self.dropped = dropped
    }

    /// - Parameter text: whole lines.
    func write(_ text: String) {
        let (fits, starts) = state.withLock { state in
            guard state.waiting.count + text.utf8.count <= byteLimit else {
                state.droppedLineCount += 1
                return (false, false)
            }
            state.waiting += text.utf8
            defer { state.isWriting = true }
            return (true, !state.isWriting)
        }
        if !fits { dropped.increment() }
        if starts { writer.async { self.writeWaiting() } }
    }

    /// Waits until everything is written, for as long as a process that ends can wait for a reader.
    func flush(within limit: Duration = .seconds(1)) async {
        let end = ContinuousClock.now + limit
        while state.withLock({ $0.isWriting }), .now < end { try? await Task.sleep(for: .milliseconds(2)) }
    }

    // MARK: - The writing thread

    private func writeWaiting() {
        while let bytes = takeWaiting() {
            guard let rest = put(bytes) else { continue }
            // The reader is gone for good, or the disk is full: the next line tries again.
            let lineCount = rest.count { $0 == UInt8(ascii: "\n") }
            state.withLock { state in
                state.droppedLineCount += lineCount
                state.isWriting = false
            }
            return dropped.increment(by: lineCount)
        }
    }

    private func takeWaiting() -> [UInt8]? {
        state.withLock { state in
            guard !state.waiting.isEmpty || state.droppedLineCount > 0 else {
                state.isWriting = false
                return nil
            }
            var bytes: [UInt8] = []
            swap(&bytes, &state.waiting)
            if state.droppedLineCount > 0 {
                let count = state.droppedLineCount
                bytes += "palimpsest-serve: lines dropped here, since nobody took them: \(count)\n".utf8
                state.droppedLineCount = 0
            }
            return bytes
        }
    }

    /// Returns what could not be written; nil if everything was.
    private func put(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Whoever shares the descriptor has made it so.
                var writable = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&writable, 1, -1)
            } else if errno != EINTR {
                return rest
            }
        }
        return nil
    }
}
