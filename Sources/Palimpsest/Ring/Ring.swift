import CPalimpsest
import SystemPackage

/// An io_uring with a registered buffer, for reading from registered files.
///
/// Not thread-safe: one owner, one thread at a time.
final class Ring {
    /// A read that did not bring what it was to bring: short, or failed.
    struct Failure: Error {
        /// Minus errno, or how many bytes came.
        let result: CInt
        let expectedByteCount: Int
    }

    static let queueDepth = 256

    /// Where reads go.
    let buffer: UnsafeMutableRawBufferPointer
    private let ring: OpaquePointer
    private var registered: [CInt] = []
    private(set) var preparedCount = 0
    /// By tag: how many bytes each prepared read must bring.
    private var expected = [Int](repeating: 0, count: Ring.queueDepth)

    /// - Throws: `MachineError` if this process may not have a ring (ENOSYS, EPERM) or not lock the buffer (ENOMEM).
    init(bufferByteCount: Int) throws(MachineError) {
        buffer = try SystemMemory.anonymous(byteCount: bufferByteCount)
        var ring: OpaquePointer?
        let result = pal_ring_create(
            &ring, UInt32(Ring.queueDepth), buffer.baseAddress.unsafelyUnwrapped, bufferByteCount)
        guard result == 0, let ring else {
            SystemMemory.unmap(buffer)
            throw MachineError("io_uring_setup", Errno(rawValue: -result))
        }
        self.ring = ring
    }

    deinit {
        pal_ring_destroy(ring)
        SystemMemory.unmap(buffer)
    }

    var isFull: Bool { preparedCount == Ring.queueDepth }

    /// The index of a file, registering it first if it is new.
    func register(_ files: [CInt]) throws(MachineError) {
        guard files != registered else { return }
        registered = []
        let result = pal_ring_register_files(ring, files, UInt32(files.count))
        guard result == 0 else { throw MachineError("io_uring_register", Errno(rawValue: -result)) }
        registered = files
    }

    /// Prepares a read of exactly `byteCount` bytes of the registered file at `index` into the buffer.
    func prepareRead(file index: Int, offset: Int, byteCount: Int, to bufferOffset: Int) {
        precondition(!isFull && bufferOffset + byteCount <= buffer.count)
        let target = buffer.baseAddress.unsafelyUnwrapped + bufferOffset
        guard
            pal_ring_prepare_read(
                ring, UInt32(index), target, UInt32(byteCount), UInt64(offset), UInt64(preparedCount))
        else { preconditionFailure("the queue has room for \(Ring.queueDepth) requests") }
        expected[preparedCount] = byteCount
        preparedCount += 1
    }

    /// Submits everything prepared at once and waits for all of it.
    /// - Throws: `Failure` for the first read that did not bring all its bytes. No read is under way afterwards.
    func submitAndWait() throws(Failure) {
        defer { preparedCount = 0 }
        let result = pal_ring_submit_and_wait(ring, UInt32(preparedCount))
        guard result == 0 else { throw Failure(result: result, expectedByteCount: 0) }
        var failure: Failure?
        var tag: UInt64 = 0
        var count: CInt = 0
        for _ in 0..<preparedCount {
            guard pal_ring_next_completion(ring, &tag, &count) else {
                throw Failure(result: -Errno.ioError.rawValue, expectedByteCount: 0)
            }
            let wanted = expected[Int(tag)]
            if Int(count) != wanted, failure == nil { failure = Failure(result: count, expectedByteCount: wanted) }
        }
        if let failure { throw failure }
    }
}
