import Logging
import Synchronization

/// A log handler that remembers.
package final class LogLines: LogHandler, @unchecked Sendable {
    private struct State {
        var lines: [String] = []
        var metadata: [Logger.Metadata] = []
        var ownMetadata: Logger.Metadata = [:]
    }

    private let state = Mutex(State())
    /// Level and text.
    package var all: [String] { state.withLock { $0.lines } }
    /// Of each line: the logger's, and the line's own.
    package var allMetadata: [Logger.Metadata] { state.withLock { $0.metadata } }

    package var metadata: Logger.Metadata {
        get { state.withLock { $0.ownMetadata } }
        set { state.withLock { $0.ownMetadata = newValue } }
    }
    package var logLevel = Logger.Level.trace

    package init() {}

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
    package func log(event: LogEvent) {
        state.withLock { state in
            state.lines.append("\(event.level) \(event.message)")
            state.metadata.append(state.ownMetadata.merging(event.metadata ?? [:]) { $1 })
        }
    }
}
