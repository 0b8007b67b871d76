import Logging

/// The guest's log lines on standard error, marked as the guest's. The engine has escaped them.
package struct GuestLogHandler: LogHandler {
    package var logLevel = Logger.Level.trace
    package var metadata = Logger.Metadata()

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        StandardError.write("guest: \(event.level): \(event.message)")
    }

    package static var logger: Logger { Logger(label: "guest") { _ in GuestLogHandler() } }
}
