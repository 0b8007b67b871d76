import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import MicroVM
@testable import Palimpsest
@testable import PalimpsestStore

/// Blobs go past the page cache where the file system can, and through it where it says that it can and then refuses.
@Suite("Blobs whose direct writes are refused")
struct DirectWriteTests {
    /// No file system takes a direct write from an odd address, on a disk that does not.
    @Test("every refused write is made again through the page cache, those too that were under way at the first")
    func refusedWrites() throws {
        for usesRing in [true, false] {
            let store = TemporaryStore()
            try StoreDirectory.create(store.path)
            let directory = try StoreDirectory.open(store.path)
            let byteCount = 20 << 20
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount + 1, alignment: 4096)
            defer { memory.deallocate() }
            memory.initializeMemory(as: UInt8.self, repeating: 0x5a)
            for index in stride(from: 0, to: byteCount, by: 4099) { memory[index] = UInt8(truncatingIfNeeded: index) }
            let bytes = UnsafeRawBufferPointer(rebasing: memory[1...])
            let writer = try BlobWriter(in: directory, byteCount: byteCount, ring: FileRing(usesRing: usesRing))
            for start in stride(from: 0, to: byteCount, by: BlobWriter.chunkByteCount) {
                try writer.append(UnsafeRawBufferPointer(rebasing: bytes[start..<start + BlobWriter.chunkByteCount]))
            }
            let digest = try writer.finish()
            try writer.place(as: digest)
            #expect(digest == BlobDigest(of: Array(bytes)))
            #expect(try Data(contentsOf: URL(fileURLWithPath: store.blob(digest))) == Data(bytes))
        }
    }
}
