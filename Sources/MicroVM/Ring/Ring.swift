import CPalimpsest
import Glibc
import SystemPackage

/// An io_uring for reading from registered files: many reads, one system call.
///
/// Not thread-safe: one owner, one thread at a time.
final class Ring {
    enum Failure: Error {
        /// A read failed: an errno.
        case failed(Errno)
        /// A read brought fewer bytes than it was to bring.
        case short(byteCount: Int, expected: Int)
        /// Not all reads could be submitted. The ring is of no use any more.
        case notSubmitted(MachineError)
    }

    /// Most requests a ring can take at once: the kernel's `IORING_MAX_ENTRIES`.
    static let maximumEntryCount = 32_768

    /// Requests that can be submitted at once.
    let entryCount: Int
    private(set) var preparedCount = 0
    private let ring: OpaquePointer

    /// - Parameter entryCount: a power of two, at most `maximumEntryCount`.
    /// - Throws: `MachineError` if this process may not have a ring (ENOSYS, EPERM) or there is no memory for one.
    init(entryCount: Int) throws(MachineError) {
        var ring: OpaquePointer?
        let result = pal_ring_create(&ring, UInt32(entryCount))
        guard result == 0, let ring else { throw MachineError("io_uring_setup", Errno(rawValue: -result)) }
        self.ring = ring
        self.entryCount = entryCount
    }

    deinit { pal_ring_destroy(ring) }

    var isFull: Bool { preparedCount == entryCount }

    /// Registers files; reads name them by index. In place of what was registered before, which the kernel lets go.
    func register(files: [CInt]) throws(MachineError) {
        let result = pal_ring_register_files(ring, files, UInt32(files.count))
        guard result == 0 else { throw MachineError("io_uring_register", Errno(rawValue: -result)) }
    }

    /// Registers memory: the kernel pins it once, not once a read. In place of what was registered before.
    /// - Throws: `MachineError`: above all, more than this process may lock (`RLIMIT_MEMLOCK`). None is registered
    ///   then.
    func register(buffers: [iovec]) throws(MachineError) {
        let result = pal_ring_register_buffers(ring, buffers, UInt32(buffers.count))
        guard result == 0 else { throw MachineError("io_uring_register", Errno(rawValue: -result)) }
    }

    /// Prepares a read of exactly as many bytes as `destination` has, from the registered file at `file`.
    /// - Parameter buffer: the registered buffer that `destination` lies in, if it does.
    func prepareRead(file: Int, offset: Int, into destination: UnsafeMutableRawBufferPointer, buffer: Int?) {
        guard let base = destination.baseAddress,
            pal_ring_prepare_read(
                ring, CInt(file), CInt(buffer ?? -1), base, UInt32(destination.count), UInt64(offset))
        else { preconditionFailure("a read of \(destination.count) bytes, \(preparedCount) of \(entryCount) prepared") }
        preparedCount += 1
    }

    /// Submits everything prepared at once and waits for all of it. No read is under way afterwards.
    func run() throws(Failure) {
        guard preparedCount > 0 else { return }
        let outcome = pal_ring_run(ring, UInt32(preparedCount))
        preparedCount = 0
        guard outcome.failure == 0 else {
            throw .notSubmitted(MachineError("io_uring_enter", Errno(rawValue: -outcome.failure)))
        }
        guard outcome.failed_count == 0 else {
            throw outcome.result < 0
                ? .failed(Errno(rawValue: -outcome.result))
                : .short(byteCount: Int(outcome.result), expected: Int(outcome.expected))
        }
    }
}
