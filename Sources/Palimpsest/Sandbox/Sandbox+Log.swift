import CPalimpsest
import GuestABI
import MicroVM

/// What the guest says: log lines, and the texts of its errors.
extension Sandbox {
    /// A line of the guest's, by its own log call. It is checked whether or not anyone wants to read it, so that what
    /// becomes of the guest does not depend on that.
    func writeLog() throws(SandboxError) {
        let message = machine.mailbox.pointee.message
        guard write(message.text, level: message.level) else {
            throw poison(.protocolViolation(reason: "log text outside guest memory"))
        }
    }

    /// The end of a call: the line it has begun to print, and how many lines of its were dropped.
    func finishLog() {
        let printed = machine.mailbox.pointee.printed
        machine.mailbox.pointee.printed.count = 0
        // Text elsewhere than in guest memory is none: the call has ended, well or not.
        if printed.count != 0 { writePrinted(printed) }
        log.noteEnd(function: runningFunction)
    }

    private func writePrinted(_ text: pal_span) {
        let level = UInt32(PAL_LOG_INFO)
        guard let observer else {
            _ = write(text, level: level)
            return
        }
        recordLog(text, level: level, observedBy: observer) { _ = write(text, level: level) }
    }

    /// - Returns: false if the text is not the guest's to give.
    private func write(_ text: pal_span, level: UInt32) -> Bool {
        let span = GuestSpan(text).prefix(Int(PAL_MAX_MESSAGE_BYTES))
        guard log.admits(level, byteCount: span.byteCount.uncheckedValue, function: runningFunction) else {
            return (try? machine.memory.forEachPiece(of: span) { _ in }) != nil
        }
        guard let bytes = try? machine.memory.bytes(span) else { return false }
        log.write(bytes, level: level, function: runningFunction)
        return true
    }

    /// The name of the function that runs; nil while the initialisers do.
    var runningFunction: String? { exports.indices.contains(runningExport) ? exports[runningExport].name : nil }

    /// The first `PAL_MAX_MESSAGE_BYTES` of a guest's text, repaired if it is not UTF-8; nil if it is not the guest's.
    package func message(_ span: pal_span) -> String? { message(GuestSpan(span)) }

    package func message(_ span: GuestSpan) -> String? {
        let beginning = span.prefix(Int(PAL_MAX_MESSAGE_BYTES))
        return (try? machine.memory.bytes(beginning)).map { GuestText.escaped(String(decoding: $0, as: UTF8.self)) }
    }
}
