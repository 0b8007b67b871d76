import Foundation
import Logging
import MicroVM
import Palimpsest
import TestSupport
import Testing

@Suite("Sandboxes from snapshots")
struct SharedSnapshotTests {
    @Test("a sandbox from a snapshot needs no ELF file and runs no initialiser")
    func noInitialiser() throws {
        let lines = LogLines()
        let file = try TemporaryFile(bytes: Guests.scribe)
        var configuration = Scribe.configuration()
        var logger = Logger(label: "test") { _ in lines }
        logger.logLevel = .trace
        configuration.logger = logger
        var original: Sandbox? = try Sandbox(guest: .file(file.path), configuration: configuration)
        #expect(try original?.call("startCount") == Int64(1))
        #expect(lines.all == ["debug started"])
        let snapshot = try #require(try original?.snapshot())
        original = nil
        try FileManager.default.removeItem(atPath: file.path)

        let sandbox = try Sandbox(from: snapshot, configuration: configuration)
        #expect(sandbox.statistics.vcpuRuns == 0, "nothing has run")
        #expect(sandbox.status == .ready && sandbox.exports == snapshot.exports)
        #expect(try sandbox.call("startCount") == Int64(1))
        try sandbox.restore(snapshot)
        #expect(try sandbox.call("startCount") == Int64(1))
        #expect(lines.all == ["debug started"])
    }

    @Test("what one sandbox does shows in no other of the same snapshot")
    func independent() throws {
        let original = try Scribe.make()
        let pages = try original.fill(pages: 32)
        let snapshot = try original.snapshot()
        let oracle = try Oracle(original)
        let sandboxes = try (0..<6).map { _ in try Sandbox(from: snapshot) }
        for (index, sandbox) in sandboxes.enumerated() {
            try sandbox.scribble(pages, pages: 32, value: UInt64(index) << 40)
        }
        for (index, sandbox) in sandboxes.enumerated() {
            #expect(try sandbox.call("wordAt", pages) == UInt64(index) << 40)
        }
        #expect(try oracle.differences(original) == [])
        #expect(try oracle.guestDifferences(original) == [])
        _ = caughtFault { try sandboxes[0].call("scribbleAndFault", pages, 32 as UInt64, 1 as UInt64, 1 as UInt64) }
        #expect(try oracle.differences(Sandbox(from: snapshot)) == [])
    }

    @Test("a snapshot's sizes hold, whatever the configuration says")
    func sizes() throws {
        let original = try Scribe.make()
        let sandbox = try Sandbox(from: original.snapshot(), configuration: .init(heapByteCount: 8 << 20))
        #expect(sandbox.regions == original.regions)
    }

    @Test("one snapshot serves many threads at once: makers, restorers, and takers of further snapshots")
    func manyThreads() async throws {
        let original = try Scribe.make()
        let pages = try original.fill(pages: 48)
        let snapshot = try original.snapshot()
        let oracle = try Oracle(original)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<8 as Range<UInt64> {
                group.addTask { try await onThread { try work(index) } }
            }
            try await group.waitForAll()
        }
        #expect(try oracle.differences(Sandbox(from: snapshot)) == [])

        @Sendable func work(_ index: UInt64) throws {
            let strategy = RollbackStrategy.allCases[Int(index) % RollbackStrategy.allCases.count]
            for round in 0..<12 as Range<UInt64> {
                let sandbox = try Sandbox(from: snapshot, configuration: .init(rollbackStrategy: strategy))
                #expect(try oracle.differences(sandbox) == [], "thread \(index), round \(round)")
                let value = index << 48 | round << 32
                try sandbox.scribble(pages, pages: 16, stride: 3, value: value)
                let child = try sandbox.snapshot()
                try sandbox.scribble(pages, pages: 48, value: 1)
                try sandbox.restore(round.isMultiple(of: 2) ? snapshot : child)
                let expected: UInt64 = round.isMultiple(of: 2) ? 0x0101_0101_0101_0101 : value
                #expect(try sandbox.call("wordAt", pages) == expected, "thread \(index), round \(round)")
                if round % 5 == index % 5 { Sandbox.releaseIdleMachines() }
                let grandchild = try Sandbox(from: child)
                #expect(try grandchild.call("wordAt", pages) == value, "thread \(index), round \(round)")
            }
        }
    }
}
