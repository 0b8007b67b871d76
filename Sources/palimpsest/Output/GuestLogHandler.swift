import Logging

/// The guest's log lines on standard error, marked as the guest's. The engine has escaped them.
struct GuestLogHandler: LogHandler {
    var logLevel = Logger.Level.trace
    var metadata = Logger.Metadata()

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        StandardError.write("guest: \(event.level): \(event.message)")
    }

    static var logger: Logger { Logger(label: "guest") { _ in GuestLogHandler() } }
}
