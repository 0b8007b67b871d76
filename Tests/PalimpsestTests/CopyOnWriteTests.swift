import MicroVM
import Palimpsest
import TestSupport
import Testing

@Suite("Copy-on-write")
struct CopyOnWriteTests {
    @Test("the first write to a page traps once and brings its neighbours; later ones do not trap")
    func cluster() throws {
        let sandbox = try Scribe.make()
        let data: UInt64 = try sandbox.call("dataAddress")
        let group = (data + UInt64(64 * pageByteCount)) & ~UInt64(4 * pageByteCount - 1)
        func cost(_ page: UInt64, _ count: Int) throws -> (traps: UInt64, copies: UInt64) {
            let before = sandbox.statistics
            try sandbox.scribble(group + page * UInt64(pageByteCount), pages: count, value: 1)
            let after = sandbox.statistics
            return (after.pageFaults - before.pageFaults, after.pagesCopied - before.pagesCopied)
        }
        _ = try cost(40, 1)
        let first = try cost(1, 1)
        #expect(first.traps == 1 && (2...64).contains(first.copies))
        #expect(try cost(0, 4) == (0, 0), "its neighbours came along")
        #expect(try cost(1, 1) == (0, 0), "it stays writable")
    }

    @Test("writing many pages in a row takes far fewer traps than pages")
    func sequence() throws {
        let sandbox = try Scribe.make()
        let data: UInt64 = try sandbox.call("dataAddress")
        let before = sandbox.statistics.pageFaults
        try sandbox.scribble(data, pages: 300, value: 1)
        #expect(sandbox.statistics.pageFaults - before <= 300 / 16)
    }

    @Test("zero-filled memory is mapped a page table at a time, and nothing is copied for it")
    func zeroFilled() throws {
        let sandbox = try Scribe.make(Scribe.configuration(heapPageCount: 2_048))
        let heap = try #require(sandbox.regions.first { $0.label == "heap" }).addresses.lowerBound
        let before = sandbox.statistics
        try sandbox.scribble(heap + 2 << 20, pages: 1_024, value: 1)
        #expect(sandbox.statistics.pageFaults - before.pageFaults <= 2)
        #expect(sandbox.statistics.pagesCopied == before.pagesCopied)
    }

    @Test(
        "a steady call and its rollback take one KVM_RUN, and no trap",
        arguments: [RollbackStrategy.automatic, .copy, .ioUring])
    func steady(strategy: RollbackStrategy) async throws {
        // A thread of its own: what other tests' rings have under way interrupts system calls of theirs.
        try await onThread { try CopyOnWriteTests.checkSteadyState(strategy) }
    }

    private static func checkSteadyState(_ strategy: RollbackStrategy) throws {
        let sandbox = try Scribe.make(Scribe.configuration(strategy))
        let pages = try sandbox.fill(pages: 100)
        let data: UInt64 = try sandbox.call("dataAddress")
        let snapshot = try sandbox.snapshot()
        var before = sandbox.statistics
        for round in 0..<40 as Range<UInt64> {
            try sandbox.scribble(pages, pages: 30, stride: 3, value: round)
            try sandbox.restore(snapshot)
            try sandbox.scribble(data, pages: 30, stride: 3, value: round)
            let report = try sandbox.restore(snapshot)
            if round == 0 {
                before = sandbox.statistics
            } else {
                #expect(report.newPages == 0)
            }
        }
        #expect(sandbox.statistics.vcpuRuns - before.vcpuRuns == 2 * 39)
        #expect(sandbox.statistics.pageFaults == before.pageFaults)
        #expect(sandbox.statistics.pagesCopied == before.pagesCopied)
    }

    @Test("no page-table mistake writes into a snapshot: the slot is read-only, too")
    func backstop() throws {
        let original = try Scribe.make()
        let pages = try original.fill(pages: 40)
        let snapshot = try original.snapshot()
        let oracle = try Oracle(original)
        let sandbox = try Sandbox(from: snapshot)
        // A page of the snapshot, made writable where it is.
        let page = GuestVirtualAddress(rawValue: pages + UInt64(20 * pageByteCount))
        let entry = try #require(sandbox.machine.memory.tables.leaf(page))
        #expect(PageTableEntry(rawValue: entry.pointee).isCopyOnWrite)
        entry.pointee |= PageTableEntry.writable
        let error = caughtError { try sandbox.scribble(page.rawValue, pages: 1, value: 1) }
        guard case .unrecoverable = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(sandbox.status == .unrecoverable)
        let new = try Sandbox(from: snapshot)
        #expect(try oracle.differences(new) == [])
        #expect(try oracle.guestDifferences(new) == [])
        // A virtual machine that did that is replaced.
        let shell = sandbox.machine.shell
        try sandbox.restore(snapshot)
        #expect(sandbox.status == .ready && sandbox.machine.shell !== shell)
        #expect(try oracle.differences(sandbox) == [])
        #expect(try oracle.guestDifferences(sandbox) == [])
    }
}
