import Glibc
import Palimpsest
import PalimpsestStore
import ToolSupport

/// How far a save or a copy has come, on one line of standard error; nothing where that is no terminal.
final class ProgressBar: @unchecked Sendable {
    private static let width = 32
    private let isShown: Bool
    private let label: String
    private var lastPercent = -1

    init(_ label: String, isShown: Bool) {
        self.label = Terminal.escaped(label)
        self.isShown = isShown && isatty(STDERR_FILENO) == 1
    }

    /// Called by one thread at a time.
    func show(_ progress: SnapshotProgress) {
        guard isShown, progress.totalByteCount > 0 else { return }
        let percent = progress.writtenByteCount * 100 / progress.totalByteCount
        guard percent != lastPercent else { return }
        lastPercent = percent
        let filled = percent * ProgressBar.width / 100
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: ProgressBar.width - filled)
        write("\r\(label) [\(bar)] \(percent) % of \(Quantity.bytes(UInt64(progress.totalByteCount)))")
    }

    /// Leaves an empty line behind.
    func end() {
        if isShown, lastPercent >= 0 { write("\r\u{1b}[K") }
    }

    private func write(_ text: String) { StandardError.write(text, terminator: "") }
}
