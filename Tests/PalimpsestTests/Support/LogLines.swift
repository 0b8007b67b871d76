import Logging
import Synchronization

/// A log handler that remembers.
final class LogLines: LogHandler, @unchecked Sendable {
    private struct State {
        var lines: [String] = []
        var metadata: [Logger.Metadata] = []
        var ownMetadata: Logger.Metadata = [:]
    }

    private let state = Mutex(State())
    /// Level and text.
    var all: [String] { state.withLock { $0.lines } }
    /// Of each line: the logger's, and the line's own.
    var allMetadata: [Logger.Metadata] { state.withLock { $0.metadata } }

    var metadata: Logger.Metadata {
        get { state.withLock { $0.ownMetadata } }
        set { state.withLock { $0.ownMetadata = newValue } }
    }
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
        state.withLock { state in
            state.lines.append("\(event.level) \(event.message)")
            state.metadata.append(state.ownMetadata.merging(event.metadata ?? [:]) { $1 })
        }
    }
}
