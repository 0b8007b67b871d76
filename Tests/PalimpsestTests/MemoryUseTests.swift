import Glibc
import MicroVM
import Palimpsest
import TestSupport
import Testing

/// What sandboxes cost in memory, counted in the blocks that their segments have (fstat(2), st_blocks).
@Suite("Memory use")
struct MemoryUseTests {
    /// What an idle sandbox from a snapshot may take beyond the bare virtual machine, but for its dirty pages.
    static let idleByteCount = 64 << 10

    static func byteCount(_ segment: SharedMemorySegment) -> Int {
        var status = stat()
        fstat(segment.descriptor.rawValue, &status)
        return Int(status.st_blocks) * 512
    }

    static func scratchByteCount(_ sandbox: Sandbox) -> Int { byteCount(sandbox.machine.memory.scratch.segment) }

    @Test("an idle sandbox from a snapshot takes 64 KiB and its dirty pages, however large its memory is")
    func idle() async {
        // A process of its own: in this one other tests' machines may be taken over, which is the next test.
        await #expect(processExitsWith: .success) {
            let original = try Scribe.make(Scribe.configuration(heapPageCount: 1 << 18))
            let pages = try original.fill(pages: 500)
            let snapshot = try original.snapshot()
            let sandbox = try Sandbox(from: snapshot)
            let idle = MemoryUseTests.scratchByteCount(sandbox)
            #expect(idle <= MemoryUseTests.idleByteCount, "\(idle) bytes")
            try sandbox.scribble(pages, pages: 100, value: 1)
            try sandbox.restore(snapshot)
            let dirty = try #require(sandbox.lastRollback).pages * pageByteCount
            // Clusters: neighbours of what was written have frames, too.
            let used = MemoryUseTests.scratchByteCount(sandbox)
            #expect(used <= MemoryUseTests.idleByteCount + 2 * dirty, "\(used) bytes, \(dirty) of them dirty")
        }
    }

    @Test("neither does one in the machine of a sandbox that wrote much")
    func recycled() async {
        await #expect(processExitsWith: .success) {
            let original = try Scribe.make(Scribe.configuration(heapPageCount: 4_096))
            let pages = try original.fill(pages: 500)
            let snapshot = try original.snapshot()
            var first: Sandbox? = try Sandbox(from: snapshot)
            let shell = first?.machine.shell
            try first?.scribble(pages, pages: 500, value: 1)
            first = nil
            let second = try Sandbox(from: snapshot, configuration: .init(copiesWriteSet: false))
            #expect(second.machine.shell === shell)
            let used = MemoryUseTests.scratchByteCount(second)
            #expect(used <= MemoryUseTests.idleByteCount, "\(used) bytes")
        }
    }

    @Test("a snapshot's layers take what is in them; sandboxes of it take none of that again")
    func layers() throws {
        let sandbox = try Scribe.make(Scribe.configuration(heapPageCount: 1_100))
        _ = try sandbox.fill(pages: 512)
        let snapshot = try sandbox.snapshot()
        let layer = try #require(snapshot.memory.snapshotLayers.last)
        #expect(layer.byteCount == snapshot.newestLayerByteCount)
        #expect(MemoryUseTests.byteCount(layer.segment) <= layer.byteCount)
    }
}
