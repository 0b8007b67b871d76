import Foundation
import MicroVM
import Palimpsest
import SystemPackage
import TestSupport
import Testing

@Suite("Ring for files")
struct FileRingTests {
    @Test("writes, reads, hints and syncs do the same with a ring and without", arguments: [true, false])
    func operations(usesRing: Bool) throws {
        let file = try TemporaryFile(byteCount: 1)
        let descriptor = try FileDescriptor.open(file.path, .readWrite)
        defer { try? descriptor.close() }
        let ring = FileRing(usesRing: usesRing)
        let count = 3 * pageByteCount
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * count, alignment: pageByteCount)
        defer { bytes.deallocate() }
        for index in 0..<count { bytes[index] = UInt8(truncatingIfNeeded: index &* 7) }
        let base = try #require(bytes.baseAddress)

        func run(_ operation: FileRing.Operation, _ memory: UnsafeMutableRawPointer?, offset: Int, _ count: Int) throws
            -> CInt
        {
            let tag = try ring.submit(
                .init(operation: operation, descriptor: descriptor, memory: memory, offset: offset, byteCount: count))
            let (request, done, result) = try ring.wait()
            #expect(done == tag && request.operation == operation && ring.isIdle)
            return result
        }
        #expect(try run(.write, base, offset: pageByteCount, count) == CInt(count))
        #expect(try run(.writeBack, nil, offset: 0, count) == 0)
        #expect(try run(.willNeed, nil, offset: 0, count) == 0)
        #expect(try run(.read, base + count, offset: pageByteCount, count) == CInt(count))
        #expect(bytes[..<count].elementsEqual(bytes[count...]))
        // Beyond the end there is nothing; from nowhere to read is an error; neither is an exception.
        #expect(try run(.read, base, offset: 1 << 30, count) == 0)
        #expect(try run(.write, UnsafeMutableRawPointer(bitPattern: 8), offset: 0, 4096) == -Errno.badAddress.rawValue)
        try ring.synchronize([FileDescriptor](repeating: descriptor, count: 3 * FileRing.depth))
        #expect(throws: Errno.badFileDescriptor) { try ring.synchronize([descriptor, FileDescriptor(rawValue: 9999)]) }
        #expect(ring.isIdle)
    }

    @Test("no more requests are taken than there is room for", arguments: [true, false])
    func depth(usesRing: Bool) throws {
        let file = try TemporaryFile(byteCount: 100_000)
        let descriptor = try FileDescriptor.open(file.path, .readOnly)
        defer { try? descriptor.close() }
        let ring = FileRing(usesRing: usesRing)
        let request = FileRing.Request(operation: .willNeed, descriptor: descriptor, offset: 0, byteCount: 4096)
        for _ in 0..<FileRing.depth { _ = try ring.submit(request) }
        #expect(ring.isFull)
        #expect(throws: Errno.resourceBusy) { _ = try ring.submit(request) }
        ring.drain()
        #expect(ring.isIdle)
    }
}
