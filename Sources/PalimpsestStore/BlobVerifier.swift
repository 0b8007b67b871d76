import Crypto
import MicroVM
import SystemPackage

/// Checks that blobs are what their names say: the ring reads ahead while what it has brought is hashed.
final class BlobVerifier {
    private static let chunkByteCount = 1 << 20

    private let ring = FileRing()
    private let memory = UnsafeMutableRawBufferPointer.allocate(
        byteCount: FileRing.depth * chunkByteCount, alignment: pageByteCount)

    deinit {
        ring.drain()
        memory.deallocate()
    }

    /// All layers of a snapshot, from the descriptors they are mapped from, and its symbols.
    func verify(
        _ manifest: OCIManifest, _ layers: [MemoryLayer], in directory: StoreDirectory
    ) throws(SnapshotStoreError) {
        for (descriptor, layer) in zip(manifest.snapshotLayers, layers) {
            try verify(layer.segment.descriptor, descriptor, directory.name(descriptor.digest))
        }
        if let symbols = manifest.symbols { try verify(symbols, in: directory) }
    }

    func verify(_ blob: OCIDescriptor, in directory: StoreDirectory) throws(SnapshotStoreError) {
        let descriptor = try directory.open(blob)
        defer { try? descriptor.close() }
        try verify(descriptor, blob, directory.name(blob.digest))
    }

    private func verify(
        _ descriptor: FileDescriptor, _ blob: OCIDescriptor, _ path: String
    ) throws(SnapshotStoreError) {
        let found = try digest(descriptor, byteCount: blob.size, path)
        guard found == blob.digest else { throw .wrongDigest(path: path, expected: blob.digest, found: found) }
    }

    /// Chunk `n` is read into buffer `n` modulo the ring's depth; hashed in order, whatever order they come in.
    private func digest(
        _ descriptor: FileDescriptor, byteCount: Int, _ path: String
    ) throws(SnapshotStoreError) -> BlobDigest {
        let size = BlobVerifier.chunkByteCount
        let chunkCount = byteCount / size + (byteCount % size == 0 ? 0 : 1)
        var hash = SHA256()
        var isRead = [Bool](repeating: false, count: FileRing.depth)
        var submitted = 0
        do throws(Errno) {
            for chunk in 0..<chunkCount {
                while submitted < min(chunkCount, chunk + FileRing.depth) {
                    let offset = submitted * size
                    try read(descriptor, offset, min(size, byteCount - offset), to: submitted % FileRing.depth * size)
                    submitted += 1
                }
                let slot = chunk % FileRing.depth
                while !isRead[slot] {
                    let (request, _, result) = try ring.wait()
                    guard result > 0 else { throw result == 0 ? .ioError : Errno(rawValue: -result) }
                    try finish(request, Int(result), &isRead)
                }
                isRead[slot] = false
                let count = min(size, byteCount - chunk * size)
                hash.update(
                    bufferPointer: UnsafeRawBufferPointer(rebasing: memory[slot * size..<slot * size + count]))
            }
        } catch {
            ring.drain()
            throw .unreadable(path: path, reason: error == .ioError ? "it ends early" : "\(error)")
        }
        return BlobDigest(hash.finalize())
    }

    private func read(_ descriptor: FileDescriptor, _ offset: Int, _ count: Int, to start: Int) throws(Errno) {
        _ = try ring.submit(
            .init(
                operation: .read, descriptor: descriptor, memory: memory.baseAddress.unsafelyUnwrapped + start,
                offset: offset, byteCount: count))
    }

    /// A read that brought less than it was to goes on.
    private func finish(_ request: FileRing.Request, _ count: Int, _ isRead: inout [Bool]) throws(Errno) {
        let base = UnsafeMutableRawPointer(memory.baseAddress.unsafelyUnwrapped)
        let start = request.memory.map { $0 - base } ?? 0
        if count < request.byteCount {
            try read(request.descriptor, request.offset + count, request.byteCount - count, to: start + count)
        } else {
            isRead[start / BlobVerifier.chunkByteCount] = true
        }
    }
}
