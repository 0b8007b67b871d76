import Glibc
import MicroVM

/// For benchmarks only.
@_spi(Benchmarks)
extension Sandbox {
    /// Neighbouring pages that calls have written, and where their pristine bytes are.
    public struct WrittenRun {
        public let destination: UnsafeMutableRawPointer
        public let source: UnsafeRawPointer
        public let byteCount: Int
    }

    /// What a rollback would copy in a region. Good until the sandbox is restored to another snapshot.
    public func writtenRuns(inRegion label: String) -> [WrittenRun] {
        let memory = machine.memory
        memory.collect()
        let starts = memory.image.regions.mappings.filter { $0.region.label.rawValue == label }.map { mapping in
            guard case .home(let frame) = mapping.backing else { return (nil as UnsafeMutableRawPointer?, 0) }
            return (memory.scratch.host(frame), mapping.region.byteCount)
        }
        return memory.tracked.runs.compactMap { run in
            guard let source = run.source,
                starts.contains(where: { start, count in
                    start.map { ($0..<$0 + count).contains(run.destination) } ?? false
                })
            else { return nil }
            return WrittenRun(destination: run.destination, source: source, byteCount: run.byteCount)
        }
    }

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
