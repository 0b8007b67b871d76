import MicroVM
import Palimpsest
import TestSupport
import Testing

/// Scratch memory that runs out.
@Suite("Scratch memory")
struct ScratchTests {
    /// 256 pages, page tables included: the image's 400 pages of data do not fit.
    private static func makeSandbox(_ strategy: RollbackStrategy) throws -> Sandbox {
        var configuration = Scribe.configuration(strategy)
        configuration.scratchByteCount = SandboxConfiguration.scratchRange.lowerBound
        return try Scribe.make(configuration)
    }

    private func expectExhausted(_ sandbox: Sandbox, _ location: SourceLocation = #_sourceLocation) throws {
        let data: UInt64 = try sandbox.call("dataAddress")
        let fault = caughtFault(
            of: { try sandbox.scribble(data, pages: Scribe.dataPageCount, value: 1) }, sourceLocation: location)
        #expect(fault?.kind == .scratchExhausted && fault?.region == "data", sourceLocation: location)
        #expect(sandbox.status == .poisoned, sourceLocation: location)
    }

    @Test(
        "a call that exhausts it is a fault; a restore brings back ready, and everything exactly",
        arguments: RollbackStrategy.allCases)
    func restored(strategy: RollbackStrategy) throws {
        let sandbox = try ScratchTests.makeSandbox(strategy)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        for _ in 0..<3 {
            try expectExhausted(sandbox)
            try sandbox.restore(snapshot)
            #expect(sandbox.status == .ready)
            #expect(try oracle.differences(sandbox) == [])
            #expect(try sandbox.call("startCount") == Int64(1))
            try sandbox.restore(snapshot)
        }
    }

    @Test("after that a snapshot can be taken, and used", arguments: RollbackStrategy.allCases)
    func snapshotAfterwards(strategy: RollbackStrategy) throws {
        let sandbox = try ScratchTests.makeSandbox(strategy)
        let snapshot = try sandbox.snapshot()
        try expectExhausted(sandbox)
        try sandbox.restore(snapshot)
        let pages = try sandbox.fill(pages: 10)
        let later = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let other = try Sandbox(from: later, configuration: .init(rollbackStrategy: strategy))
        #expect(try oracle.differences(other) == [])
        #expect(try other.call("wordAt", pages) == UInt64(0x0101_0101_0101_0101))
        try expectExhausted(other)
        try other.restore(later)
        #expect(try oracle.differences(other) == [])
    }

    @Test(
        "what earlier calls copied is not missing in later ones: each call has all of it",
        arguments: RollbackStrategy.allCases)
    func eachCall(strategy: RollbackStrategy) throws {
        let sandbox = try ScratchTests.makeSandbox(strategy)
        let data: UInt64 = try sandbox.call("dataAddress")
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        // Each fits a new sandbox's scratch memory, all of them together do not.
        for first in [0, 150, 250, 0] {
            let pages = data + UInt64(first * pageByteCount)
            #expect(throws: Never.self, "150 pages from \(first) on") {
                try sandbox.scribble(pages, pages: 150, value: UInt64(first) + 5)
            }
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [])
        }
    }

    @Test(
        "a call that exhausts it does not take it from the calls after the restore",
        arguments: RollbackStrategy.allCases)
    func afterExhaustion(strategy: RollbackStrategy) throws {
        let sandbox = try ScratchTests.makeSandbox(strategy)
        let data: UInt64 = try sandbox.call("dataAddress")
        let snapshot = try sandbox.snapshot()
        try expectExhausted(sandbox)
        try sandbox.restore(snapshot)
        // Behind the pages that were copied when memory ran out.
        let pages = data + UInt64((Scribe.dataPageCount - 100) * pageByteCount)
        #expect(throws: Never.self) { try sandbox.scribble(pages, pages: 100, value: 3) }
        #expect(throws: Never.self) { try sandbox.restore(snapshot) }
        #expect(sandbox.status == .ready)
    }

    @Test(
        "a mapped file larger than it can be read whole, and written as far as it goes",
        arguments: RollbackStrategy.allCases)
    func mappedFile(strategy: RollbackStrategy) throws {
        let file = try TemporaryFile(byteCount: 600 * pageByteCount)
        let sandbox = try ScratchTests.makeSandbox(strategy)
        try sandbox.mapFile(file.path, at: 0x2_0000_0000)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        #expect(try oracle.guestDifferences(sandbox) == [])
        let fault = caughtFault { try sandbox.scribble(0x2_0000_0000, pages: 600, value: 1) }
        #expect(fault?.kind == .scratchExhausted && fault?.region == "mapped file", "\(String(describing: fault))")
        try sandbox.restore(snapshot)
        #expect(sandbox.status == .ready)
        #expect(try oracle.differences(sandbox) == [])
    }
}
