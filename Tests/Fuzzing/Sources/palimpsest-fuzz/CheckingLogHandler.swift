import Logging

/// Takes a guest's log lines and looks whether they are fit to be shown.
struct CheckingLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        Check.text(event.message.description, "a log line", limit: 64 << 10)
        for (_, value) in (event.metadata ?? [:]) { Check.text(value.description, "metadata", limit: 64 << 10) }
    }
}
