import Glibc
import Synchronization

/// Standard output or standard error, written line by line and unbuffered.
///
/// What cannot be written is not lost in silence: the first failure is kept, and the process's exit code says so
/// (`ToolProcess`). After it nothing more is written: text with a hole in it is worse than less text.
package final class StandardStream: Sendable {
    private let descriptor: CInt
    /// The errno of the first write that failed; 0 if none has.
    private let failureNumber = Atomic<CInt>(0)

    package init(_ descriptor: CInt) { self.descriptor = descriptor }

    /// Why text is missing; nil if none is.
    package var failure: String? {
        let number = failureNumber.load(ordering: .relaxed)
        return number == 0 ? nil : String(cString: strerror(number))
    }

    /// Whether it was a pipe whose reader has gone, and wants to hear no more.
    package var isBrokenPipe: Bool { failureNumber.load(ordering: .relaxed) == EPIPE }

    package func write(_ text: String) {
        guard failureNumber.load(ordering: .relaxed) == 0 else { return }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN, waitForRoom() { continue }
            guard count > 0 else { return fail(count < 0 ? errno : EIO) }
            rest = rest.dropFirst(count)
        }
    }

    /// Some file systems say only now that what was written is lost (close(2)). Nothing can be written any more.
    package func close() {
        if Glibc.close(descriptor) != 0 { fail(errno) }
    }

    /// Whoever shares the descriptor may have made it one that does not wait.
    private func waitForRoom() -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&request, 1, -1) > 0 || errno == EINTR
    }

    private func fail(_ number: CInt) {
        _ = failureNumber.compareExchange(expected: 0, desired: number, ordering: .relaxed)
    }

    /// Gives the standard descriptors that the process was started without to a file that can be neither read nor
    /// written through them. Otherwise the next file to be opened would get their number, and what is printed.
    static func takeMissingDescriptors() {
        for (descriptor, flags) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
        where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is this one: those below it are taken.
            _ = open("/dev/null", flags)
        }
    }
}
