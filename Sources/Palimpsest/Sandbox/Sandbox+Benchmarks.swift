import Glibc

/// For benchmarks only.
@_spi(Benchmarks)
extension Sandbox {
    /// Drops the mapped files' pages from this process and from the page cache. False if some stayed.
    public func evictMappedFiles() -> Bool {
        machine.memory.image.files.allSatisfy { layer in
            // Read-ahead may still be bringing pages in: they cannot be dropped before they are there.
            (0..<100).contains { _ in
                if Sandbox.evict(layer) { return true }
                usleep(1_000)
                return false
            }
        }
    }

    private static func evict(_ layer: MemoryLayer) -> Bool {
        let memory = layer.segment.memory
        guard let base = memory.baseAddress else { return false }
        madvise(base, memory.count, MADV_DONTNEED)
        posix_fadvise(layer.segment.descriptor.rawValue, 0, 0, POSIX_FADV_DONTNEED)
        var states = [UInt8](repeating: 1, count: memory.count / pageByteCount)
        return mincore(base, memory.count, &states) == 0 && states.allSatisfy { $0 & 1 == 0 }
    }
}
