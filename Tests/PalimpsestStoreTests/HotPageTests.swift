import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import MicroVM
@testable import Palimpsest
@testable import PalimpsestStore

@Suite("Hot pages")
struct HotPageTests {
    private static let configuration = SandboxConfiguration(heapByteCount: 4 << 20, scratchByteCount: 16 << 20)

    /// The table of the guest has 128 pages of data; this touches every one, `stride` pages apart.
    private func warmUp(_ sandbox: Sandbox, stride: Int) throws(SandboxError) -> UInt64 {
        try sandbox.call("sumOfTable", UInt64(512 * stride))
    }

    @Test("a warm-up call's touches are recorded in order, and change nothing it computes")
    func order() throws {
        let snapshot = try makeBehaved(HotPageTests.configuration).snapshot()
        let plain = try Sandbox(from: snapshot, hostFunctions: makeHostFunctions())
        let expected = try warmUp(plain, stride: 2)
        var found: UInt64 = 0
        let count = try snapshot.recordHotPages(hostFunctions: makeHostFunctions()) { (sandbox) throws(SandboxError) in
            found = try warmUp(sandbox, stride: 2)
            #expect(try warmUp(sandbox, stride: 2) == found + 64)
        }
        #expect(found == expected)
        #expect(snapshot.hotPageCount == count && count > 1)
        let hot = snapshot.memory.hotPages.all
        #expect(Set(hot).count == count)
        // The entry code pushes to the stack, then the guest's own begins.
        let labels = hot.compactMap { snapshot.memory.regions.mapping(at: $0)?.region.label }
        #expect(labels.first { $0 != .stack && $0 != .mailbox } == .code && labels.last == .data)
        #expect(hot.allSatisfy { if case .layer = snapshot.memory.pages.content(of: $0) { true } else { false } })
    }

    /// Files that others own and this process may only read: mincore(2) calls all of them resident. So for root, who
    /// may do anything, the test is a weaker one; it was seen to fail with mincore as another user.
    @Test("what is in the page cache and what is not is told apart")
    func residency() throws {
        let file = try TemporaryFile(bytes: [UInt8](repeating: 1, count: 4 << 20))
        let descriptor = try FileDescriptor.open(file.path, .readOnly)
        try #require(fsync(descriptor.rawValue) == 0)
        let segment = try SharedMemorySegment.file(adopting: descriptor, byteCount: 4 << 20)
        let layer = MemoryLayer(
            segment, at: GuestLayout.layersPhysical, source: .blob(path: file.path))
        #expect(Prefetch.isResident(layer, 0) && Prefetch.isResident(layer, 2 << 20))
        try #require(posix_fadvise(descriptor.rawValue, 0, 0, POSIX_FADV_DONTNEED) == 0)
        #expect(!Prefetch.isResident(layer, 2 << 20))
    }

    @Test("hot pages come first in a blob, in the order of first touch, and the snapshot is the same")
    func saved() throws {
        let store = TemporaryStore()
        let host = try makeHostFunctions()
        let sandbox = try makeBehaved(HotPageTests.configuration)
        // Every page of the table, and some of the heap, so that they are in the newest layer.
        _ = try warmUp(sandbox, stride: 1)
        _ = try sandbox.call("fill", UInt64(300_000), UInt8(7)) as [UInt8]
        let snapshot = try sandbox.snapshot()
        try snapshot.recordHotPages(hostFunctions: host) { (sandbox) throws(SandboxError) in
            _ = try warmUp(sandbox, stride: 3)
        }
        try snapshot.save(to: store.path, tag: "hot")
        let loaded = try Snapshot(loading: store.path, reference: "hot", verify: .digests)
        #expect(loaded.memory.hotPages.all == snapshot.memory.hotPages.all)
        #expect(loaded.memory.pages.runs.count > snapshot.memory.pages.runs.count)
        // Each layer's share is one stretch from its start.
        let stretches = Prefetch.stretches(loaded.memory)
        var firsts: Set<Int> = []
        for stretch in stretches where firsts.insert(stretch.layer).inserted { #expect(stretch.range.lowerBound == 0) }
        for layer in firsts {
            let bytes = stretches.filter { $0.layer == layer }.reduce(0) { $0 + $1.range.count }
            #expect(stretches.filter { $0.layer == layer }.map(\.range.upperBound).max() == bytes)
        }
        let one = try Sandbox(from: snapshot, hostFunctions: host)
        let other = try Sandbox(from: loaded, hostFunctions: host)
        #expect(try guestMemory(one) == guestMemory(other))
        // A child of the one in memory uses the order its parent was saved in.
        _ = try one.call("count") as Int64
        let child = try one.snapshot()
        let before = try store.blobNames
        try child.save(to: store.path, tag: "child")
        #expect(try store.blobNames.subtracting(before).count == 3)
        let loadedChild = try Snapshot(loading: store.path, reference: "child", verify: .digests)
        let third = try Sandbox(from: loadedChild, hostFunctions: host)
        #expect(try guestMemory(third) == guestMemory(one))
        // And into another store in the same order, so that digests agree.
        let copy = TemporaryStore()
        try snapshot.save(to: copy.path, tag: "hot")
        #expect(try copy.blobNames.isSubset(of: store.blobNames))
    }
}
