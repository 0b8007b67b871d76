import TestSupport
import Testing

@testable import MicroVM
@testable import Palimpsest

@Suite("Rollback strategies")
struct RollbackStrategyTests {
    /// `copy` is the measure of the others.
    private static let explicit: [RollbackStrategy] = [.copy, .ioUring, .replace]

    @Test("every strategy leaves the same bytes behind the same calls")
    func sameBytes() throws {
        let original = try Scribe.make(Scribe.configuration(heapPageCount: 600))
        let pages = try original.fill(pages: 256, hole: 5)
        let data: UInt64 = try original.call("dataAddress")
        let snapshot = try original.snapshot()
        let oracle = try Oracle(original)
        let sandboxes = try RollbackStrategy.allCases.map {
            try Sandbox(from: snapshot, configuration: .init(rollbackStrategy: $0))
        }
        for round in 1...6 as ClosedRange<Int> {
            var restored: [Int] = []
            for sandbox in sandboxes {
                try sandbox.scribble(pages, pages: 256 / round, stride: round, value: UInt64(round))
                try sandbox.scribble(data, pages: 100, stride: round % 3 + 1, value: ~UInt64(round))
                let report = try sandbox.restore(snapshot)
                restored.append(report.pages)
                #expect(try oracle.differences(sandbox) == [], "\(report), round \(round)")
            }
            #expect(restored.allSatisfy { $0 >= 256 / round + 100 }, "\(restored)")
        }
        for sandbox in sandboxes { #expect(try oracle.guestDifferences(sandbox) == []) }
    }

    @Test(
        "what was done can be read back: strategy, pages, new pages, and the sums of it",
        arguments: RollbackStrategy.allCases)
    func readBack(strategy: RollbackStrategy) throws {
        let sandbox = try Scribe.make(Scribe.configuration(strategy))
        let pages = try sandbox.fill(pages: 90)
        let snapshot = try sandbox.snapshot()
        #expect(sandbox.lastRollback == nil && sandbox.rollbackStrategy == strategy)
        var sum: UInt64 = 0
        for round in 1...4 as ClosedRange<UInt64> {
            try sandbox.scribble(pages, pages: 40, stride: 2, value: round)
            let report = try sandbox.restore(snapshot)
            sum += UInt64(report.pages)
            #expect(report.strategy == (strategy == .automatic ? .copy : strategy))
            #expect(report.pages >= 40)
            #expect(sandbox.lastRollback == report)
            #expect(sandbox.statistics.rollbacks == round && sandbox.statistics.pagesRestored == sum)
        }
    }

    @Test("the strategy can be changed between two rollbacks, in any order")
    func changed() throws {
        let sandbox = try Scribe.make()
        let pages = try sandbox.fill(pages: 60)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        for first in RollbackStrategy.allCases {
            for second in RollbackStrategy.allCases {
                for strategy in [first, second] {
                    try sandbox.scribble(pages, pages: 20, stride: 3, value: 3)
                    sandbox.rollbackStrategy = strategy
                    try sandbox.restore(snapshot)
                    #expect(try oracle.differences(sandbox) == [], "\(first), then \(second)")
                }
            }
        }
    }

    // MARK: - The ring

    /// Runs, pages a run, and pages from one run to the next.
    struct Batch: Sendable, CustomTestStringConvertible {
        let runCount: Int
        var pagesInRun = 1
        let stride: Int
        var hole = 0

        var testDescription: String {
            "\(runCount) runs of \(pagesInRun) pages, \(stride) apart" + (hole > 0 ? ", every \(hole)th zero" : "")
        }
    }

    @Test(
        "batches around and far over what the ring's queue and buffer hold are right",
        arguments: [
            Batch(runCount: 255, stride: 2), Batch(runCount: 256, stride: 2), Batch(runCount: 257, stride: 2),
            Batch(runCount: 300, stride: 3, hole: 9), Batch(runCount: 1_200, stride: 2),
            Batch(runCount: 1_100, stride: 2, hole: 6), Batch(runCount: 1, pagesInRun: 256, stride: 256),
            Batch(runCount: 1, pagesInRun: 1_500, stride: 1_500), Batch(runCount: 5, pagesInRun: 257, stride: 300),
            Batch(runCount: 3, pagesInRun: 400, stride: 401, hole: 100),
        ])
    func largeBatches(batch: Batch) throws {
        let pageCount = batch.runCount * batch.stride
        let sandbox = try Scribe.make(Scribe.configuration(.ioUring, heapPageCount: 2 * pageCount + 1_100))
        let pages = try sandbox.fill(pages: pageCount, hole: batch.hole)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        // A new one: it tracks no page but those written now, so that runs are as they are meant to be.
        let other = try Sandbox(
            from: snapshot, configuration: .init(rollbackStrategy: .ioUring, copiesWriteSet: false))
        for round in 1...2 as ClosedRange<UInt64> {
            for offset in 0..<batch.pagesInRun {
                if batch.pagesInRun > 1, offset > 0 { break }
                try other.scribble(
                    pages, pages: batch.runCount, stride: batch.stride, value: round << 32 | UInt64(offset))
            }
            if batch.pagesInRun > 1 {
                for run in 0..<batch.runCount {
                    let start = pages + UInt64(run * batch.stride * pageByteCount)
                    try other.scribble(start, pages: batch.pagesInRun, value: round << 32)
                }
            }
            let report = try other.restore(snapshot)
            #expect(report.strategy == .ioUring && report.pages >= batch.runCount * batch.pagesInRun)
            #expect(try oracle.differences(other) == [], "round \(round)")
        }
    }

    @Test("the ring reads from many layers and files at once")
    func manyFiles() throws {
        let sandbox = try Scribe.make(Scribe.configuration(.ioUring))
        let pages = try sandbox.fill(pages: 60)
        var places: [UInt64] = []
        let files = try (1...12).map { try TemporaryFile(byteCount: $0 * 3_000) }
        for (index, file) in files.enumerated() {
            places.append(0x2_0000_0000 + UInt64(index) << 24)
            try sandbox.mapFile(file.path, at: places[index])
        }
        for layer in 0..<6 {
            try sandbox.scribble(pages + UInt64(layer * 9 * pageByteCount), pages: 9, value: UInt64(layer))
            _ = try sandbox.snapshot()
        }
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        for strategy in RollbackStrategyTests.explicit {
            let other = try Sandbox(from: snapshot, configuration: .init(rollbackStrategy: strategy))
            for _ in 0..<2 {
                try other.scribble(pages, pages: 60, value: 99)
                for place in places { try other.scribble(place, pages: 1, value: 99) }
                let report = try other.restore(snapshot)
                #expect(report.strategy == strategy)
                #expect(try oracle.differences(other) == [], "\(strategy)")
            }
            #expect(try oracle.guestDifferences(other) == [], "\(strategy)")
        }
    }

    @Test("the ring reads from the snapshot's own layers, also where their descriptors' numbers were another's before")
    func reusedDescriptors() async {
        // In a process of its own, where a number that was given back is the next to be had.
        await #expect(processExitsWith: .success) {
            for strategy in [RollbackStrategy.copy, .ioUring] {
                let sandbox = try Scribe.make(Scribe.configuration(strategy))
                let base = try sandbox.snapshot()
                let maker = try Scribe.make(Scribe.configuration(.replace))
                let start = try maker.snapshot()
                var numbers: Set<CInt> = []
                for round in 1...6 as ClosedRange<UInt64> {
                    let pages = try maker.fill(pages: 20)
                    try maker.scribble(pages, pages: 20, value: round)
                    let snapshot = try maker.snapshot()
                    numbers.insert(try #require(snapshot.memory.snapshotLayers.last).segment.descriptor.rawValue)
                    let oracle = try Oracle(maker)
                    try sandbox.restore(snapshot)
                    try sandbox.scribble(pages, pages: 20, value: 99)
                    #expect(try sandbox.restore(snapshot).strategy == strategy)
                    let differences = try oracle.differences(sandbox)
                    #expect(differences == [], "\(strategy), round \(round): \(differences)")
                    // Neither needs the snapshot any more: its layer goes.
                    try maker.restore(start)
                    try sandbox.restore(base)
                }
                #expect(numbers.count < 6, "no number was used again: \(numbers)")
            }
        }
    }

    @Test("the ring reads from the file that is mapped, also where the descriptor's number was another's before")
    func reusedFileDescriptors() async {
        await #expect(processExitsWith: .success) {
            let sandbox = try Scribe.make(Scribe.configuration(.ioUring))
            let before = try sandbox.snapshot()
            for round in 1...5 as ClosedRange<UInt8> {
                let bytes = [UInt8](repeating: round, count: pageByteCount)
                let file = try TemporaryFile(bytes: bytes)
                try sandbox.mapFile(file.path, at: 0x2_0000_0000)
                let snapshot = try sandbox.snapshot()
                try sandbox.scribble(0x2_0000_0000, pages: 1, value: 99)
                try sandbox.restore(snapshot)
                let word: UInt64 = try sandbox.call("wordAt", 0x2_0000_0000 as UInt64)
                #expect(word == UInt64(round) * 0x0101_0101_0101_0101, "round \(round): \(hex(word))")
                // By new page tables: the ring is not asked.
                try sandbox.restore(before)
            }
        }
    }

    @Test("a ring outlives the thread that made it")
    func otherThread() async throws {
        struct Shared: @unchecked Sendable {
            let sandbox: Sandbox
            let snapshot: Snapshot
            let data: UInt64
        }
        let sandbox = try Scribe.make(Scribe.configuration(.ioUring))
        let data: UInt64 = try sandbox.call("dataAddress")
        let shared = Shared(sandbox: sandbox, snapshot: try sandbox.snapshot(), data: data)
        let oracle = try Oracle(sandbox)
        for round in 0..<4 as Range<UInt64> {
            let strategy = try await onThread {
                try shared.sandbox.scribble(shared.data, pages: 3, value: round)
                return try shared.sandbox.restore(shared.snapshot).strategy
            }
            #expect(strategy == .ioUring)
            #expect(try oracle.differences(sandbox) == [])
        }
    }

    // MARK: - Idle pages

    /// What pages that go idle hold in the snapshot.
    enum Content: CaseIterable, Sendable { case bytes, zeros, file }

    /// Rollbacks by strategy, and the pages of the last one, behind a call that wrote many pages and cheap ones after
    /// it.
    private func idleRounds(
        _ strategy: RollbackStrategy, _ count: Int, _ content: Content = .bytes
    ) throws -> (strategies: [RollbackStrategy], first: Int, last: Int) {
        var configuration = Scribe.configuration(strategy, heapPageCount: 1_100)
        // Room to spare: with less, the first rollback would shed everything for want of it.
        configuration.scratchByteCount = 16 << 20
        let sandbox = try Scribe.make(configuration)
        let file = try TemporaryFile(byteCount: 512 * pageByteCount)
        var pages: UInt64 = 0x2_0000_0000
        switch content {
        case .bytes: pages = try sandbox.fill(pages: 512)
        case .zeros: pages = try sandbox.fill(pages: 512, hole: 1)
        case .file: try sandbox.mapFile(file.path, at: pages)
        }
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let one = try sandbox.function("scribble", as: ((UInt64, UInt64, UInt64, UInt64) -> Void).self)
        try sandbox.call(one, pages, 512, 1, 7)
        let first = try sandbox.restore(snapshot).pages
        var strategies: [RollbackStrategy] = []
        for round in 0..<UInt64(count) {
            try sandbox.call(one, pages, 2, 5, round)
            strategies.append(try sandbox.restore(snapshot).strategy)
        }
        #expect(try oracle.differences(sandbox) == [])
        #expect(try oracle.guestDifferences(sandbox) == [])
        try sandbox.restore(snapshot)
        try sandbox.call(one, pages, 2, 5, 1)
        return (strategies, first, try sandbox.restore(snapshot).pages)
    }

    @Test(
        "automatic sheds pages that nobody writes any more, once, and keeps those that calls write",
        arguments: Content.allCases)
    func shed(content: Content) throws {
        let (strategies, first, last) = try idleRounds(.automatic, 1_500, content)
        #expect(first >= 512)
        #expect(strategies.count { $0 == .replace } == 1)
        #expect(strategies.allSatisfy { $0 == .replace || $0 == .copy })
        #expect(last < 64, "\(last) pages are still restored")
    }

    @Test(
        "a strategy that was asked for is kept to, whatever has gone idle",
        arguments: [RollbackStrategy.copy, .ioUring])
    func notShed(strategy: RollbackStrategy) throws {
        let (strategies, first, last) = try idleRounds(strategy, 600)
        #expect(strategies.allSatisfy { $0 == strategy })
        #expect(first >= 512 && last >= 512)
    }

    @Test("automatic sheds pages written before the snapshot, by a warm-up, within 64 rollbacks")
    func shedWarmUp() throws {
        let sandbox = try Scribe.make(Scribe.configuration(heapPageCount: 9_000))
        _ = try sandbox.fill(pages: 4_096)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        var pageCounts: [Int] = []
        for _ in 0..<130 {
            #expect(try sandbox.call("startCount") == Int64(1))
            pageCounts.append(try sandbox.restore(snapshot).pages)
        }
        #expect(pageCounts[0] >= 4_096, "the pages are on the list")
        #expect(pageCounts[64...].allSatisfy { $0 < 64 }, "\(pageCounts)")
        #expect(try oracle.differences(sandbox) == [])
    }

    @Test("automatic sheds page tables that a call has only read through, within 64 rollbacks")
    func shedTables() throws {
        // Reading one page of untouched heap maps all that its table spans, and has every rollback scan it.
        let tableCount = 256
        let sandbox = try Scribe.make(
            Scribe.configuration(heapPageCount: tableCount * PageTables.entriesPerTable))
        let snapshot = try sandbox.snapshot()
        let heap = GuestLayout.heap.rawValue
        for table in 0..<tableCount {
            #expect(try sandbox.call("wordAt", heap + UInt64((table + 1) * PageTables.tableSpan - 8)) == UInt64(0))
        }
        #expect(sandbox.machine.memory.tables.trackedTables.count >= tableCount)
        for _ in 0..<66 {
            try sandbox.restore(snapshot)
            #expect(try sandbox.call("startCount") == Int64(1))
        }
        #expect(sandbox.machine.memory.tables.trackedTables.count < 16)
    }

    @Test("with replace, and without a write set, traps do not tell what earlier calls wrote")
    func untold() throws {
        let original = try Scribe.make(Scribe.configuration(.replace))
        let data: UInt64 = try original.call("dataAddress")
        let snapshot = try original.snapshot()
        func make() throws -> Sandbox {
            try Sandbox(from: snapshot, configuration: .init(rollbackStrategy: .replace, copiesWriteSet: false))
        }
        /// Traps and copies that writing each group of pages takes, one after another.
        func probe(_ sandbox: Sandbox) throws -> [[UInt64]] {
            try stride(from: 0, to: Scribe.dataPageCount, by: 16).map { page in
                let before = sandbox.statistics
                try sandbox.scribble(data + UInt64(page * pageByteCount), pages: 1, value: 1)
                let after = sandbox.statistics
                return [after.pageFaults - before.pageFaults, after.pagesCopied - before.pagesCopied]
            }
        }
        let sandbox = try make()
        let untouched = try probe(try make())
        #expect(untouched.allSatisfy { $0[0] > 0 })
        for secret in [0, 7, 13, 24] {
            try sandbox.restore(snapshot)
            try sandbox.scribble(data + UInt64(secret * 16 * pageByteCount), pages: 1, value: 9)
            try sandbox.restore(snapshot)
            #expect(try probe(sandbox) == untouched, "the same sandbox, group \(secret)")
            #expect(try probe(try make()) == untouched, "another one, group \(secret)")
        }
        #expect(snapshot.writeSetPageCount == 0)
    }

    @Test("pages that are in use are not shed, however many")
    func busy() throws {
        let sandbox = try Scribe.make(Scribe.configuration(.automatic, heapPageCount: 1_100))
        let pages = try sandbox.fill(pages: 512)
        let snapshot = try sandbox.snapshot()
        for round in 0..<400 as Range<UInt64> {
            try sandbox.scribble(pages, pages: 512, value: round)
            #expect(try sandbox.restore(snapshot).strategy == .copy)
        }
    }
}
