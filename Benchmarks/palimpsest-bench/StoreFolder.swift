import Foundation

@_spi(Benchmarks) import Palimpsest
@_spi(Benchmarks) import PalimpsestStore

/// A folder for stores, on a disk: the system's temporary folder is often in memory, and cannot go cold.
final class StoreFolder {
    let path = "/var/tmp/palimpsest-bench-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func store(_ name: String) -> String { "\(path)/\(name)" }

    func remove(_ name: String) { try? FileManager.default.removeItem(atPath: store(name)) }

    /// The blobs' bytes out of the page cache. Nobody may have them mapped.
    func evict(_ name: String) throws {
        Sandbox.releaseIdleMachines()
        let folder = "\(store(name))/blobs/sha256"
        for blob in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let descriptor = open("\(folder)/\(blob)", O_RDONLY)
            defer { close(descriptor) }
            // What is on its way in cannot be dropped before it is there.
            try BenchGuest.check((0..<100).contains { _ in FileFloor.evict(descriptor) || usleep(1_000) != 0 })
        }
    }
}

/// What files cost without anything around them.
final class FileFloor {
    private let bytes: UnsafeMutableRawBufferPointer
    private let path: String

    /// - Parameter path: where the file is written and read.
    init(byteCount: Int, path: String) {
        bytes = .allocate(byteCount: byteCount, alignment: 4096)
        bytes.initializeMemory(as: UInt8.self, repeating: 0x5a)
        self.path = path
    }

    deinit {
        bytes.deallocate()
        unlink(path)
    }

    func remove() { unlink(path) }

    /// Writes all of it to a new file in pieces of 1 MiB, and has it on the disk.
    func writeAndSync() throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(descriptor) }
        for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
            let count = min(1 << 20, bytes.count - start)
            try BenchGuest.check(write(descriptor, bytes.baseAddress! + start, count) == count)
        }
        try BenchGuest.check(fsync(descriptor) == 0)
    }

    /// Reads all of it, one piece of 1 MiB after the other.
    func readSequentially() throws {
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        var total = 0
        while true {
            let count = read(descriptor, bytes.baseAddress!, min(1 << 20, bytes.count))
            if count <= 0 { break }
            total += count
        }
        try BenchGuest.check(total == bytes.count)
    }

    func evict() throws {
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        try BenchGuest.check(FileFloor.evict(descriptor))
    }

    /// SHA-256 of all of it, in pieces of 1 MiB.
    func hash() throws { try BenchGuest.check(SnapshotStore.digestForBenchmarks(UnsafeRawBufferPointer(bytes)) > 0) }

    /// Drops a file's pages from the page cache. False if some stayed.
    static func evict(_ descriptor: Int32) -> Bool {
        let count = Int(lseek(descriptor, 0, SEEK_END))
        guard count > 0, let memory = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), memory != MAP_FAILED
        else { return count == 0 }
        defer { munmap(memory, count) }
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        var states = [UInt8](repeating: 1, count: (count + 4095) / 4096)
        return mincore(memory, count, &states) == 0 && states.allSatisfy { $0 & 1 == 0 }
    }
}
