import CPalimpsest
import Logging

/// A guest's log lines on their way to the embedder's `Logger`: length-limited by the caller, control characters
/// escaped, so that a guest can neither forge a line of the host's nor move its cursor.
struct GuestLog {
    let logger: Logger

    func write(_ bytes: [UInt8], level: UInt32) {
        logger.log(level: GuestLog.level(level), "\(GuestText.escaped(String(decoding: bytes, as: UTF8.self)))")
    }

    private static func level(_ level: UInt32) -> Logger.Level {
        switch Int32(bitPattern: level) {
        case PAL_LOG_TRACE: .trace
        case PAL_LOG_DEBUG: .debug
        case PAL_LOG_INFO: .info
        case PAL_LOG_NOTICE: .notice
        case PAL_LOG_WARNING: .warning
        case PAL_LOG_ERROR: .error
        default: .critical
        }
    }
}
