import Crypto

/// For benchmarks only.
@_spi(Benchmarks)
extension SnapshotStore {
    /// The SHA-256 that stores use, of all of `bytes` in pieces of 1 MiB: how many digits it has.
    public static func digestForBenchmarks(_ bytes: UnsafeRawBufferPointer) -> Int {
        var hash = SHA256()
        for start in stride(from: 0, to: bytes.count, by: BlobWriter.chunkByteCount) {
            let end = min(bytes.count, start + BlobWriter.chunkByteCount)
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
        }
        return BlobDigest(hash.finalize()).hexadecimal.utf8.count
    }
}
