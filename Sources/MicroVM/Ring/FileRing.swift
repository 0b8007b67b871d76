import CPalimpsest
import Glibc
import SystemPackage

/// Large reads and writes that go on while their owner does something else: through io_uring, or, in a process that
/// may not have one, by plain system calls with the same results.
///
/// Not thread-safe: one owner, one thread at a time.
package final class FileRing {
    package enum Operation: Equatable {
        case read, write
        /// Has dirty pages of the range written to the disk, so that `fsync` finds little left to do.
        case writeBack
        /// Has all of the file on the disk (fsync(2)).
        case sync
        /// Has the range read into the page cache.
        case willNeed
    }

    package struct Request {
        package let operation: Operation
        package let descriptor: FileDescriptor
        /// What is written, or where to read to; nil for hints. Valid until the completion has come.
        package var memory: UnsafeMutableRawPointer?
        package let offset: Int
        package let byteCount: Int

        package init(
            operation: Operation, descriptor: FileDescriptor, memory: UnsafeMutableRawPointer? = nil, offset: Int,
            byteCount: Int
        ) {
            self.operation = operation
            self.descriptor = descriptor
            self.memory = memory
            self.offset = offset
            self.byteCount = byteCount
        }
    }

    /// Requests that may be under way at a time.
    package static let depth = 8

    private let ring: OpaquePointer?
    /// By tag. A tag is free while its request is nil.
    private var requests = [Request?](repeating: nil, count: depth)
    /// Of requests that were carried out at once.
    private var results: [(tag: Int, result: CInt)] = []

    /// - Parameter usesRing: false for plain system calls, as in a process that may not have a ring.
    package init(usesRing: Bool = true) {
        var ring: OpaquePointer?
        self.ring = usesRing && pal_ring_create(&ring, UInt32(FileRing.depth)) == 0 ? ring : nil
    }

    deinit {
        drain()
        if let ring { pal_ring_destroy(ring) }
    }

    package var isFull: Bool { !requests.contains { $0 == nil } }
    package var isIdle: Bool { !requests.contains { $0 != nil } }

    /// Starts a request. There must be room for it.
    /// - Returns: its tag.
    package func submit(_ request: Request) throws(Errno) -> Int {
        guard let tag = requests.firstIndex(where: { $0 == nil }) else { throw .resourceBusy }
        let operation = FileRing.operation(request.operation)
        let count = UInt32(clamping: request.byteCount)
        if let ring {
            let failure = pal_file_ring_submit(
                ring, operation, request.descriptor.rawValue, request.memory, count, UInt64(request.offset),
                UInt64(tag))
            guard failure == 0 else { throw Errno(rawValue: -failure) }
        } else {
            let result = pal_file_perform(
                operation, request.descriptor.rawValue, request.memory, count, UInt64(request.offset))
            results.append((tag, result))
        }
        requests[tag] = request
        return tag
    }

    /// Waits for one request, whichever comes first. Something must be under way.
    /// - Returns: the request, its tag, and bytes moved or minus errno.
    package func wait() throws(Errno) -> (request: Request, tag: Int, result: CInt) {
        var tag: UInt64 = 0
        var result: CInt = 0
        if let ring {
            let failure = pal_file_ring_wait(ring, &tag, &result)
            guard failure == 0 else { throw Errno(rawValue: -failure) }
        } else if !results.isEmpty {
            let first = results.removeFirst()
            (tag, result) = (UInt64(first.tag), first.result)
        }
        guard requests.indices.contains(Int(tag)), let request = requests[Int(tag)] else { throw .ioError }
        requests[Int(tag)] = nil
        return (request, Int(tag), result)
    }

    /// Has all of these files on the disk when it returns. Together: a journal takes them in one go, where one after
    /// the other each would wait for the disk.
    /// - Throws: the first failure; all are waited for.
    package func synchronize(_ files: [FileDescriptor]) throws(Errno) {
        var failure: Errno?
        var next = 0
        while next < files.count || !isIdle {
            if next < files.count, !isFull {
                _ = try submit(.init(operation: .sync, descriptor: files[next], offset: 0, byteCount: 0))
                next += 1
            } else {
                let (_, _, result) = try wait()
                if result < 0, failure == nil { failure = Errno(rawValue: -result) }
            }
        }
        if let failure { throw failure }
    }

    /// Waits until nothing is under way: the memory of all requests is the owner's again.
    package func drain() {
        while !isIdle {
            do throws(Errno) { _ = try wait() } catch { return }
        }
    }

    private static func operation(_ operation: Operation) -> pal_file_operation {
        switch operation {
        case .read: PAL_FILE_READ
        case .write: PAL_FILE_WRITE
        case .writeBack: PAL_FILE_WRITE_BACK
        case .sync: PAL_FILE_SYNC
        case .willNeed: PAL_FILE_WILL_NEED
        }
    }
}
