import Foundation
import MicroVM
import Palimpsest
import TestSupport
import Testing

@Suite("Write sets")
struct WriteSetTests {
    private static let pageCount = 60

    /// A snapshot with pages to write: of the heap, and of the image's data.
    private struct Subject {
        let original: Sandbox
        let snapshot: Snapshot
        let heap: UInt64
        let data: UInt64

        init(_ configuration: SandboxConfiguration = Scribe.configuration()) throws {
            original = try Scribe.make(configuration)
            heap = try original.fill(pages: WriteSetTests.pageCount * 3)
            data = try original.call("dataAddress")
            snapshot = try original.snapshot()
        }

        /// Writes pages that lie apart, so that no trap brings two of them.
        func write(_ sandbox: Sandbox) throws {
            try sandbox.scribble(heap, pages: WriteSetTests.pageCount / 4, stride: 9, value: 1)
            try sandbox.scribble(data, pages: WriteSetTests.pageCount / 4, stride: 9, value: 1)
        }

        /// Page faults that a new sandbox's first calls take.
        func faultCount(copiesWriteSet: Bool = true) throws -> UInt64 {
            let sandbox = try Sandbox(from: snapshot, configuration: .init(copiesWriteSet: copiesWriteSet))
            try write(sandbox)
            return sandbox.statistics.pageFaults
        }
    }

    @Test("pages that a sandbox's calls wrote are remembered: the next sandbox takes no trap for them")
    func learnt() throws {
        let subject = try Subject()
        #expect(subject.snapshot.writeSetPageCount == 0)
        let sandbox = try Sandbox(from: subject.snapshot)
        try subject.write(sandbox)
        #expect(sandbox.statistics.pageFaults >= UInt64(2 * (WriteSetTests.pageCount / 4)))
        try sandbox.restore(subject.snapshot)
        #expect(subject.snapshot.writeSetPageCount >= 2 * (WriteSetTests.pageCount / 4))
        #expect(try subject.faultCount() == 0)
    }

    @Test("without copiesWriteSet a new sandbox takes the traps")
    func notCopied() throws {
        let subject = try Subject()
        let sandbox = try Sandbox(from: subject.snapshot)
        try subject.write(sandbox)
        try sandbox.restore(subject.snapshot)
        #expect(try subject.faultCount(copiesWriteSet: false) >= UInt64(2 * (WriteSetTests.pageCount / 4)))
        #expect(try subject.faultCount() == 0)
    }

    @Test("the sandbox that took the snapshot teaches it, too: pages first written after it")
    func original() throws {
        let subject = try Subject()
        try subject.write(subject.original)
        try subject.original.restore(subject.snapshot)
        #expect(subject.snapshot.writeSetPageCount >= 2 * (WriteSetTests.pageCount / 4))
        #expect(try subject.faultCount() == 0)
    }

    @Test("the sandbox that took the snapshot teaches it, too: pages that it had written before as well")
    func originalAgain() throws {
        // A warm-up call, the snapshot, the same call again: what every user of a snapshot does.
        let original = try Scribe.make()
        let heap = try original.fill(pages: 40)
        let data: UInt64 = try original.call("dataAddress")
        func write(_ sandbox: Sandbox) throws {
            try sandbox.scribble(heap, pages: 5, stride: 8, value: 1)
            try sandbox.scribble(data, pages: 5, stride: 8, value: 1)
        }
        try write(original)
        let snapshot = try original.snapshot()
        for _ in 0..<3 {
            try write(original)
            try original.restore(snapshot)
        }
        #expect(snapshot.writeSetPageCount >= 10)
        let new = try Sandbox(from: snapshot)
        try write(new)
        #expect(new.statistics.pageFaults == 0)
    }

    @Test("a sandbox that goes away after its call, never rolled back, teaches the snapshot, too")
    func goneWithoutRollback() throws {
        let subject = try Subject()
        for _ in 0..<3 { try subject.write(try Sandbox(from: subject.snapshot)) }
        #expect(subject.snapshot.writeSetPageCount >= 2 * (WriteSetTests.pageCount / 4))
        #expect(try subject.faultCount() == 0)
    }

    @Test("a sandbox restored to another snapshot has that one's write set copied ahead")
    func restored() throws {
        let subject = try Subject()
        let teacher = try Sandbox(from: subject.snapshot)
        try subject.write(teacher)
        try teacher.restore(subject.snapshot)
        let sandbox = try Scribe.make()
        try sandbox.restore(subject.snapshot)
        let before = sandbox.statistics.pageFaults
        try subject.write(sandbox)
        #expect(sandbox.statistics.pageFaults == before)
    }

    @Test("copying ahead changes nothing the guest can see")
    func exact() throws {
        let subject = try Subject()
        let oracle = try Oracle(subject.original)
        let sandbox = try Sandbox(from: subject.snapshot)
        try subject.write(sandbox)
        try sandbox.restore(subject.snapshot)
        for copies in [true, false] {
            let new = try Sandbox(from: subject.snapshot, configuration: .init(copiesWriteSet: copies))
            #expect(try oracle.differences(new) == [])
            #expect(try oracle.guestDifferences(new) == [])
            try subject.write(new)
            try new.restore(subject.snapshot)
            #expect(try oracle.differences(new) == [])
        }
    }

    @Test("a write set has a limit, so that no guest can make every later sandbox dear")
    func limited() throws {
        let subject = try Subject(Scribe.configuration(heapPageCount: 12_000))
        for _ in 0..<2 {
            let sandbox = try Sandbox(from: subject.snapshot)
            let large = try sandbox.fill(pages: 5_000)
            try sandbox.scribble(large, pages: 5_000, value: 1)
            try sandbox.restore(subject.snapshot)
            #expect(subject.snapshot.writeSetPageCount == WriteSet.limit)
            try subject.write(sandbox)
        }
        // And those that sandboxes leave behind unrestored.
        #expect(subject.snapshot.writeSetPageCount == WriteSet.limit)
        let new = try Sandbox(from: subject.snapshot)
        #expect(try new.call("startCount") == Int64(1))
        #expect(new.statistics.pagesCopied <= UInt64(WriteSet.limit))
    }

    /// How a call does not end well.
    enum Failure: CaseIterable, Sendable { case fault, deadline, interrupt }

    @Test(
        "calls that fault or are stopped teach nothing, rolled back or not; good ones after them do",
        arguments: Failure.allCases)
    func failedCalls(failure: Failure) throws {
        let subject = try Subject()
        func fail(_ sandbox: Sandbox) throws {
            try subject.write(sandbox)
            // A deadline that passes before the call has begun leaves the sandbox ready: once more, then.
            repeat {
                _ = caughtError {
                    switch failure {
                    case .fault:
                        try sandbox.call("scribbleAndFault", subject.data, 300 as UInt64, 1 as UInt64, 1 as UInt64)
                    case .deadline:
                        try sandbox.call(
                            "scribble", subject.data, UInt64.max, 0 as UInt64, 1 as UInt64,
                            deadline: .now + .milliseconds(2))
                    case .interrupt:
                        let handle = sandbox.interruptHandle
                        Thread.detachNewThread { while !handle.interrupt() { usleep(200) } }
                        try sandbox.call("scribble", subject.data, UInt64.max, 0 as UInt64, 1 as UInt64)
                    }
                }
            } while sandbox.status == .ready
            #expect(sandbox.status == .poisoned)
        }
        try fail(try Sandbox(from: subject.snapshot))
        #expect(subject.snapshot.writeSetPageCount == 0, "never rolled back")
        let sandbox = try Sandbox(from: subject.snapshot)
        try fail(sandbox)
        try sandbox.restore(subject.snapshot)
        #expect(subject.snapshot.writeSetPageCount == 0, "rolled back")
        try subject.write(sandbox)
        try sandbox.restore(subject.snapshot)
        #expect(subject.snapshot.writeSetPageCount >= 2 * (WriteSetTests.pageCount / 4))
        #expect(try subject.faultCount() == 0)
    }

    @Test("a write set that scratch memory has no room for is no reason to refuse a sandbox")
    func largerThanScratch() throws {
        var configuration = Scribe.configuration()
        configuration.scratchByteCount = SandboxConfiguration.scratchRange.lowerBound
        let subject = try Subject(configuration)
        // Each alone fits the 256 pages of the pool, both together do not.
        for first in [0, 170] {
            let sandbox = try Sandbox(from: subject.snapshot, configuration: .init(copiesWriteSet: false))
            try sandbox.scribble(subject.data + UInt64(first * pageByteCount), pages: 170, value: 1)
            try sandbox.restore(subject.snapshot)
        }
        let new = try Sandbox(from: subject.snapshot)
        try new.scribble(subject.data, pages: 170, value: 1)
        try new.restore(subject.snapshot)
    }
}
