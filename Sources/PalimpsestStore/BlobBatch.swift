import MicroVM
import SystemPackage

/// Blobs that are written together, and put in their places only when all of them are written.
struct BlobBatch {
    private let directory: StoreDirectory
    private let progress: (@Sendable (SnapshotProgress) -> Void)?
    private let ring = FileRing()
    private var finished: [(writer: BlobWriter, digest: BlobDigest)] = []
    private var writtenByteCount = 0
    /// Of large blobs that are going to be written: for `progress`.
    var totalByteCount = 0

    init(in directory: StoreDirectory, progress: (@Sendable (SnapshotProgress) -> Void)?) {
        self.directory = directory
        self.progress = progress
    }

    /// Adds a small blob, unless it is there. One that is damaged is written again.
    mutating func add(_ bytes: [UInt8]) throws(SnapshotStoreError) -> BlobDigest {
        let digest = BlobDigest(of: bytes)
        guard !directory.holds(bytes, as: digest) else { return digest }
        let writer = try BlobWriter(in: directory, byteCount: bytes.count, ring: ring)
        var start = 0
        while start < bytes.count {
            let rest = bytes[start...].prefix(BlobWriter.chunkByteCount)
            try writer.append { buffer throws(SnapshotStoreError) in
                buffer.copyBytes(from: rest)
                return rest.count
            }
            start = rest.endIndex
        }
        return try finish(writer, expecting: digest, from: directory.path)
    }

    /// Adds a layer, its pages in `order`.
    /// - Parameter expected: what its digest must be, if that is known.
    mutating func add(
        _ layer: MemoryLayer, _ order: LayerOrder, expecting expected: BlobDigest?
    ) throws(SnapshotStoreError) -> BlobDigest {
        let writer = try BlobWriter(in: directory, byteCount: layer.byteCount, ring: ring)
        for chunk in order.chunks(byteCount: BlobWriter.chunkByteCount) {
            if !layer.mayVanish, chunk.count == 1, let range = chunk.first {
                try writer.append(UnsafeRawBufferPointer(start: layer.bytes(at: range.lowerBound), count: range.count))
            } else {
                try writer.append { buffer throws(SnapshotStoreError) in try gather(chunk, of: layer, to: buffer) }
            }
            report(chunk.reduce(0) { $0 + $1.count })
        }
        return try finish(writer, expecting: expected, from: layer.path ?? directory.path)
    }

    /// Adds a copy of another store's blob, unless it is there.
    mutating func add(_ blob: OCIDescriptor, from source: StoreDirectory) throws(SnapshotStoreError) {
        guard directory.byteCount(of: blob.digest) != blob.size else { return }
        let descriptor = try source.open(blob)
        defer { try? descriptor.close() }
        let writer = try BlobWriter(in: directory, byteCount: blob.size, ring: ring)
        var offset = 0
        while offset < blob.size {
            let count = min(BlobWriter.chunkByteCount, blob.size - offset)
            try writer.append { buffer throws(SnapshotStoreError) in
                try read(descriptor, offset..<offset + count, to: buffer, source.name(blob.digest))
                return count
            }
            offset += count
            report(count)
        }
        _ = try finish(writer, expecting: blob.digest, from: source.name(blob.digest))
    }

    /// Has everything that was added on the disk, then in its place.
    mutating func place() throws(SnapshotStoreError) {
        do throws(Errno) {
            try ring.synchronize(finished.map(\.writer.descriptor))
        } catch {
            throw .unwritable(path: directory.path, reason: "\(error)")
        }
        for (writer, digest) in finished { try writer.place(as: digest) }
        finished = []
    }

    private mutating func finish(
        _ writer: BlobWriter, expecting expected: BlobDigest?, from path: String
    ) throws(SnapshotStoreError) -> BlobDigest {
        let digest = try writer.finish()
        if let expected, expected != digest { throw .wrongDigest(path: path, expected: expected, found: digest) }
        finished.append((writer, digest))
        return digest
    }

    private mutating func report(_ byteCount: Int) {
        writtenByteCount += byteCount
        progress?(.init(writtenByteCount: writtenByteCount, totalByteCount: totalByteCount))
    }

    /// Stretches of a layer one after the other. A file's are read, not touched: it may have become shorter.
    private func gather(
        _ chunk: [Range<Int>], of layer: MemoryLayer, to buffer: UnsafeMutableRawBufferPointer
    ) throws(SnapshotStoreError) -> Int {
        var count = 0
        for range in chunk {
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[count..<count + range.count])
            if let path = layer.path {
                try read(layer.segment.descriptor, range, to: target, path)
            } else {
                target.copyMemory(
                    from: UnsafeRawBufferPointer(start: layer.bytes(at: range.lowerBound), count: range.count))
            }
            count += range.count
        }
        return count
    }

    private func read(
        _ descriptor: FileDescriptor, _ range: Range<Int>, to buffer: UnsafeMutableRawBufferPointer, _ path: String
    ) throws(SnapshotStoreError) {
        var done = 0
        while done < range.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<range.count])
            let count: Int
            do {
                count = try descriptor.read(fromAbsoluteOffset: Int64(range.lowerBound + done), into: rest)
            } catch {
                throw .unreadable(path: path, reason: "\(error)")
            }
            guard count > 0 else { throw .unreadable(path: path, reason: "it ends early") }
            done += count
        }
    }
}
