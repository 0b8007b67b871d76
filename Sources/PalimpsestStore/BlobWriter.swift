import CPalimpsest
import Crypto
import Glibc
import MicroVM
import SystemPackage

/// Writes one blob: large writes through the ring, and the digest of each piece computed while the kernel is busy with
/// it.
///
///     bytes -> write under way ----------\
///           -> SHA-256, meanwhile         > complete -> on the disk -> in place under its digest
///
/// Large blobs go past the page cache (open(2), O_DIRECT) where the file system can: copying into it would take the
/// processor that the digest needs, and push out what others use.
final class BlobWriter {
    /// 1 MiB.
    static let chunkByteCount = 1 << 20
    /// From 16 MiB on, past the page cache.
    private static let directByteCount = 16 << 20
    /// Dirty bytes after which the disk is set to work.
    private static let writeBackByteCount = 8 << 20

    private let file: PartialFile
    private let directory: StoreDirectory
    private let ring: FileRing
    private var hash = SHA256()
    private(set) var byteCount = 0
    private var writtenBackByteCount = 0
    private var isDirect = false
    /// By tag: requests that were submitted while writes went past the page cache. Each may be refused for that, those
    /// too that were under way when the first was.
    private var isRefusable = [Bool](repeating: false, count: FileRing.depth)
    /// Buffers that no write is under way from.
    private var freeBuffers: [UnsafeMutableRawBufferPointer] = []
    private var buffers: [UnsafeMutableRawBufferPointer] = []

    /// - Parameter byteCount: what the blob is going to have: a disk that has no room for it says so now.
    /// - Throws: `unwritable`.
    init(in directory: StoreDirectory, byteCount: Int, ring: FileRing) throws(SnapshotStoreError) {
        self.directory = directory
        self.ring = ring
        file = try PartialFile(in: directory)
        guard byteCount > 0 else { return }
        let failure = pal_file_reserve(file.descriptor.rawValue, UInt64(byteCount))
        guard failure == 0 else { throw file.failure(Errno(rawValue: -failure)) }
        // Whole pages, from pages, to where pages go: what O_DIRECT asks for.
        isDirect =
            byteCount >= BlobWriter.directByteCount && byteCount.isPageAligned
            && pal_file_set_direct(file.descriptor.rawValue, true)
    }

    deinit {
        ring.drain()
        releaseBuffers()
    }

    private func releaseBuffers() {
        for buffer in buffers { buffer.deallocate() }
        (buffers, freeBuffers) = ([], [])
    }

    /// Adds bytes that stay where and what they are until the blob is finished. At most a chunk at a time.
    func append(_ bytes: UnsafeRawBufferPointer) throws(SnapshotStoreError) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        try write(UnsafeMutableRawPointer(mutating: base), bytes.count)
    }

    /// Adds up to a chunk of bytes that `fill` puts into a buffer and says how many they are.
    func append(
        filling fill: (UnsafeMutableRawBufferPointer) throws(SnapshotStoreError) -> Int
    ) throws(SnapshotStoreError) {
        let buffer = try freeBuffer()
        let count = try fill(buffer)
        guard count > 0, let base = buffer.baseAddress else { return freeBuffers.append(buffer) }
        try write(base, count)
    }

    private func freeBuffer() throws(SnapshotStoreError) -> UnsafeMutableRawBufferPointer {
        while true {
            if let buffer = freeBuffers.popLast() { return buffer }
            if buffers.count < FileRing.depth {
                let buffer = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: BlobWriter.chunkByteCount, alignment: pageByteCount)
                buffers.append(buffer)
                return buffer
            }
            try complete()
        }
    }

    private func write(_ memory: UnsafeMutableRawPointer, _ count: Int) throws(SnapshotStoreError) {
        try submit(.write, memory, offset: byteCount, count)
        hash.update(bufferPointer: UnsafeRawBufferPointer(start: memory, count: count))
        byteCount += count
        if !isDirect, byteCount - writtenBackByteCount >= 2 * BlobWriter.writeBackByteCount {
            try submit(.writeBack, nil, offset: writtenBackByteCount, BlobWriter.writeBackByteCount)
            writtenBackByteCount += BlobWriter.writeBackByteCount
        }
    }

    private func submit(
        _ operation: FileRing.Operation, _ memory: UnsafeMutableRawPointer?, offset: Int, _ count: Int
    ) throws(SnapshotStoreError) {
        while ring.isFull { try complete() }
        do throws(Errno) {
            try submit(
                .init(
                    operation: operation, descriptor: file.descriptor, memory: memory, offset: offset, byteCount: count)
            )
        } catch {
            throw file.failure(error)
        }
    }

    private func submit(_ request: FileRing.Request) throws(Errno) {
        let tag = try ring.submit(request)
        isRefusable[tag] = isDirect && request.operation == .write
    }

    /// Waits for one write; what a short one left, or what was refused past the page cache, is written now.
    private func complete() throws(SnapshotStoreError) {
        do throws(Errno) {
            let (request, tag, result) = try ring.wait()
            guard request.operation == .write else { return }
            // The file system takes O_DIRECT and cannot do it (an overlay on one that cannot), the disk wants larger
            // pieces than the file system said, or a short write has left an odd one.
            let isRefused = isRefusable[tag] && (result == -EINVAL || result == -EOPNOTSUPP)
            if isRefused, isDirect {
                guard pal_file_set_direct(file.descriptor.rawValue, false) else { throw Errno(rawValue: -result) }
                isDirect = false
            }
            guard result > 0 || result == -EINTR || result == -EAGAIN || isRefused else {
                throw Errno(rawValue: result == 0 ? EIO : -result)
            }
            let done = Int(max(0, result))
            guard done == request.byteCount, let memory = request.memory else {
                try submit(
                    .init(
                        operation: .write, descriptor: request.descriptor, memory: request.memory.map { $0 + done },
                        offset: request.offset + done, byteCount: request.byteCount - done))
                return
            }
            release(memory)
        } catch {
            throw file.failure(error)
        }
    }

    /// The buffer a write ended in is free again.
    private func release(_ memory: UnsafeMutableRawPointer) {
        let address = UnsafeRawPointer(memory)
        let buffer = buffers.first { buffer in
            guard let base = buffer.baseAddress else { return false }
            return UnsafeRawPointer(base) <= address && address < UnsafeRawPointer(base + buffer.count)
        }
        if let buffer { freeBuffers.append(buffer) }
    }

    /// To be synchronized before the blob is put in its place.
    var descriptor: FileDescriptor { file.descriptor }

    /// Waits for all writes. The buffers go now: a batch keeps its finished blobs, and there may be 64 layers.
    func finish() throws(SnapshotStoreError) -> BlobDigest {
        while !ring.isIdle { try complete() }
        releaseBuffers()
        return BlobDigest(hash.finalize())
    }

    /// Puts the finished blob, which is on the disk, in its place.
    func place(as digest: BlobDigest) throws(SnapshotStoreError) {
        try file.move(to: directory.blobs, digest.hexadecimal)
    }
}
