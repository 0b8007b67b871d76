import CPalimpsest
import Foundation
import Synchronization
import Testing

@testable import Palimpsest

@Suite("More attempts to break the engine", .serialized)
struct BreakTests2 {
    @Test("calls from two threads get their own results or are refused")
    func twoThreads() throws {
        struct Shared: @unchecked Sendable { let sandbox: Sandbox }
        let shared = Shared(sandbox: try makeBehaved())
        final class Counts: Sendable {
            let wrong = Atomic<Int>(0), right = Atomic<Int>(0), refused = Atomic<Int>(0), other = Atomic<Int>(0)
        }
        let counts = Counts()
        let done = DispatchSemaphore(value: 0)
        for name in [String(repeating: "a", count: 50), String(repeating: "b", count: 50)] {
            Thread.detachNewThread {
                for _ in 0..<20_000 {
                    do {
                        let echo: String = try shared.sandbox.call("echoString", name)
                        if echo == name {
                            counts.right.add(1, ordering: .relaxed)
                        } else {
                            counts.wrong.add(1, ordering: .relaxed)
                        }
                    } catch SandboxError.callInProgress {
                        counts.refused.add(1, ordering: .relaxed)
                    } catch { counts.other.add(1, ordering: .relaxed) }
                }
                done.signal()
            }
        }
        for _ in 0..<2 { _ = done.wait(timeout: .now() + 60) }
        let found = [
            counts.right.load(ordering: .relaxed), counts.wrong.load(ordering: .relaxed),
            counts.refused.load(ordering: .relaxed), counts.other.load(ordering: .relaxed),
        ]
        print("right, wrong, refused, other:", found)
        #expect(found[1] == 0 && found[3] == 0)
    }

    @Test(
        "after a warm-up and a snapshot a rollback costs what calls write",
        arguments: [RollbackStrategy.automatic, .copy])
    func inheritedList(strategy: RollbackStrategy) throws {
        let sandbox = try Scribe.make(SandboxConfiguration(heapByteCount: 256 << 20, rollbackStrategy: strategy))
        _ = try sandbox.fill(pages: 25_600)
        let snapshot = try sandbox.snapshot()
        let clock = ContinuousClock()
        let again = try clock.measure { _ = try sandbox.snapshot() }
        var log: [String] = []
        for round in 0..<300 {
            let _: Int64 = try sandbox.call("startCount")
            var report: RollbackReport?
            let took = try clock.measure { report = try sandbox.restore(snapshot) }
            if [0, 1, 63, 64, 127, 128, 191, 192, 255, 299].contains(round) || report?.strategy == .replace {
                log.append("\(round): \(took) \(report?.pages ?? 0) \(report?.strategy.rawValue ?? "")")
            }
        }
        print(strategy, "second snapshot with nothing written:", again, log.joined(separator: "\n"), separator: "\n")
        #expect(try #require(sandbox.lastRollback).pages < 100)
        let first = try Scribe.make(SandboxConfiguration(heapByteCount: 256 << 20, rollbackStrategy: strategy))
        _ = try first.fill(pages: 1_000)
        let report = try first.restore(try first.snapshot())
        #expect(report.pages < 10, "nothing was written since the snapshot")
    }

    @Test("an idle machine does not keep a layer that its sandbox left behind while it lived")
    func abandonedLayer() throws {
        Sandbox.releaseIdleMachines()
        var parent: Sandbox? = try Scribe.make()
        _ = try parent?.fill(pages: 64)
        var first: Snapshot? = try parent?.snapshot()
        var layer: MemoryLayer? = try #require(first?.memory.snapshotLayers.last)
        let trace = SegmentTrace(try #require(layer).segment)
        parent = nil
        Sandbox.releaseIdleMachines()
        var child: Sandbox? = try Sandbox(from: try #require(first))
        for run in try #require(first).memory.pages.runs where run.layer === layer {
            for offset in stride(from: 0, to: run.pages.upperBound - run.pages.lowerBound, by: 4096) {
                let page = run.pages.lowerBound + offset
                let label = child?.machine.memory.mapping(at: page)?.region.label
                if label == .data || label == .zeroData || label == .heap {
                    try child?.scribble(page.rawValue, pages: 1, value: 77)
                }
            }
        }
        layer = nil
        first = nil
        var next: Snapshot? = try child?.snapshot()
        print("layers of the second snapshot:", next?.layerCount as Any, next?.byteCount as Any)
        next = nil
        child = nil
        #expect(becomesTrue { trace.isGone })
        print("idle machines:", ShellCache.shared.count, "descriptors of the layer:", trace.descriptorCount)
    }

    @Test("a file size limit is an error, not a signal")
    func fileSizeLimit() async throws {
        await #expect(processExitsWith: .success) {
            var limit = rlimit(rlim_cur: 1 << 20, rlim_max: 1 << 20)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            _ = try? makeBehaved()
            exit(0)
        }
    }

    @Test("what syscall does")
    func syscalls() throws {
        let sandbox = try BreakTests.make()
        let snapshot = try sandbox.snapshot()
        do { try sandbox.call("pvmHypercall") } catch SandboxError.fault(let fault) {
            print(
                "pvm:", fault.vector as Any, fault.address as Any, String(fault.registers.rip, radix: 16),
                String(fault.registers.rcx, radix: 16), String(fault.registers.rsp, radix: 16),
                sandbox.machine.exceptionFrame)
        }
        try sandbox.restore(snapshot)
        let hostile = try makeHostile()
        do { try hostile.call("systemCall") } catch SandboxError.fault(let fault) {
            print(
                "syscall:", fault.vector as Any, fault.address as Any, String(fault.registers.rip, radix: 16),
                hostile.machine.exceptionFrame)
        }
    }

    @Test("many runs: what a snapshot of one page and a restore of a sibling cost")
    func manyRuns() throws {
        for stride in [1 as UInt64, 2] {
            let sandbox = try BreakTests.make(SandboxConfiguration(heapByteCount: 512 << 20))
            let heap: UInt64 = try sandbox.call("heapAddress")
            try sandbox.call("writeEvery", heap, 32_768 as UInt64, stride * 4096)
            let base = try sandbox.snapshot()
            let fresh = try Sandbox(from: base)
            let clock = ContinuousClock()
            try fresh.call("writeByte", heap, 1 as UInt8)
            var one: Snapshot?
            var two: Snapshot?
            let took = try clock.measure { one = try fresh.snapshot() }
            try fresh.call("writeByte", heap, 2 as UInt8)
            two = try fresh.snapshot()
            let back = try clock.measure { try fresh.restore(one!) }
            let forth = try clock.measure { try fresh.restore(two!) }
            print(
                "stride", stride, "runs", base.memory.pages.runs.count, "snapshot", took, "sibling", back, forth,
                fresh.lastRollback as Any)
        }
    }
}
