import TestSupport
import Testing

@testable import MicroVM
@testable import Palimpsest

@Suite("Lifetime of snapshots and machines")
struct SnapshotLifetimeTests {
    private func newestLayer(_ snapshot: Snapshot) throws -> SegmentTrace {
        SegmentTrace(try #require(snapshot.memory.snapshotLayers.last).segment)
    }

    @Test("a snapshot's memory is freed when its last user goes: snapshot, child, or sandbox")
    func freed() throws {
        var sandbox: Sandbox? = try Scribe.make()
        let pages = try #require(try sandbox?.fill(pages: 16))
        var snapshot: Snapshot? = try sandbox?.snapshot()
        let trace = try newestLayer(try #require(snapshot))
        #expect(trace.isAlive)
        try sandbox?.scribble(pages, pages: 4, value: 1)
        var child: Snapshot? = try sandbox?.snapshot()
        let childTrace = try newestLayer(try #require(child))
        var user: Sandbox? = try Sandbox(from: try #require(snapshot))

        sandbox = nil
        snapshot = nil
        #expect(trace.isAlive, "the child and the other sandbox need it")
        child = nil
        #expect(becomesTrue { childTrace.isGone }, "nobody needs the child's layer")
        #expect(trace.isAlive, "the other sandbox needs it")
        #expect(try user?.call("wordAt", pages) == UInt64(0x0101_0101_0101_0101))
        user = nil
        #expect(becomesTrue { trace.isGone }, "nobody needs it: \(trace.descriptorCount), \(trace.mappingCount)")
    }

    @Test("layers that a restore, a flattening or an unmapping leaves behind are freed, too")
    func leftBehind() throws {
        let sandbox = try Scribe.make()
        let pages = try sandbox.fill(pages: 16)
        let base = try sandbox.snapshot()
        var traces: [SegmentTrace] = []
        for link in 0..<20 as Range<UInt64> {
            try sandbox.scribble(pages, pages: 4, value: link)
            traces.append(try newestLayer(try sandbox.snapshot()))
        }
        #expect(traces.last?.isAlive == true)
        try sandbox.restore(base)
        // Its tables may still lead to them; those of a sandbox that is replaced cannot.
        sandbox.rollbackStrategy = .replace
        try sandbox.restore(base)
        for (link, trace) in traces.enumerated() {
            #expect(becomesTrue { trace.isGone }, "link \(link): \(trace.descriptorCount), \(trace.mappingCount)")
        }
        #expect(try sandbox.call("wordAt", pages) == UInt64(0x0101_0101_0101_0101))
    }

    @Test("a mapped file is closed when its last user goes")
    func mappedFile() throws {
        let file = try TemporaryFile(byteCount: 10_000)
        var sandbox: Sandbox? = try Scribe.make()
        let before = try #require(try sandbox?.snapshot())
        try sandbox?.mapFile(file.path, at: 0x2_0000_0000)
        let trace = SegmentTrace(try #require(sandbox?.machine.memory.image.files.first?.segment))
        var snapshot: Snapshot? = try sandbox?.snapshot()
        try sandbox?.restore(before)
        #expect(trace.descriptorCount == 1, "the snapshot needs it")
        sandbox = nil
        #expect(snapshot != nil && trace.descriptorCount == 1, "the snapshot still needs it")
        snapshot = nil
        #expect(becomesTrue { trace.descriptorCount == 0 })
    }

    @Test("machines that are kept for later do not keep the memory of a snapshot that nobody needs")
    func idleMachines() async {
        // In a process of its own: nothing else there empties the machines' slots.
        await #expect(processExitsWith: .success) {
            var sandbox: Sandbox? = try Scribe.make()
            _ = try sandbox?.fill(pages: 16)
            var snapshot: Snapshot? = try sandbox?.snapshot()
            let trace = SegmentTrace(try #require(snapshot?.memory.snapshotLayers.last?.segment))
            for _ in 0..<3 { _ = try Sandbox(from: try #require(snapshot)).call("startCount") as Int64 }
            sandbox = nil
            #expect(trace.isAlive && ShellCache.shared.count > 0)
            snapshot = nil
            #expect(trace.isGone, "\(trace.descriptorCount) descriptors, \(trace.mappingCount) mappings")
        }
    }

    @Test("nor the memory of layers that their sandboxes had left behind while they lived")
    func leftBehindByLiving() async {
        await #expect(processExitsWith: .success) {
            var parent: Sandbox? = try Scribe.make()
            let pages = try #require(try parent?.fill(pages: 16))
            var snapshot: Snapshot?
            for link in 0..<20 as Range<UInt64> where snapshot?.layerCount != Capture.maximumLayerCount {
                try parent?.scribble(pages, pages: 4, value: link)
                snapshot = try parent?.snapshot()
            }
            let trace = SegmentTrace(try #require(snapshot?.memory.snapshotLayers.last?.segment))
            var child: Sandbox? = try Sandbox(from: try #require(snapshot))
            parent = nil
            snapshot = nil
            // One layer more is one too many: the newest is merged with it.
            try child?.scribble(pages, pages: 4, value: 99)
            let next = try #require(try child?.snapshot())
            #expect(trace.isAlive && !next.memory.snapshotLayers.contains { SegmentTrace($0.segment) == trace })
            child = nil
            #expect(ShellCache.shared.count > 0 && trace.isGone, "\(trace.descriptorCount), \(trace.mappingCount)")
        }
    }

    @Test("a sandbox's scratch memory and machine are closed once idle machines are released")
    func releaseIdleMachines() throws {
        weak var shell: MachineShell?
        let trace: SegmentTrace
        do {
            let sandbox = try Scribe.make()
            _ = try sandbox.fill(pages: 4)
            shell = sandbox.machine.shell
            trace = SegmentTrace(sandbox.machine.memory.scratch.segment)
            #expect(trace.isAlive)
        }
        #expect(
            becomesTrue {
                Sandbox.releaseIdleMachines()
                return shell == nil && trace.isGone
            })
    }

    @Test("at most 16 machines are kept, however many sandboxes go at once")
    func bounded() throws {
        var sandboxes: [Sandbox] = []
        let snapshot = try Scribe.make().snapshot()
        for _ in 0..<40 { sandboxes.append(try Sandbox(from: snapshot)) }
        for sandbox in sandboxes { #expect(try sandbox.call("startCount") == Int64(1)) }
        sandboxes = []
        #expect(ShellCache.shared.limit == 16)
        #expect(ShellCache.shared.count <= 16)
        Sandbox.releaseIdleMachines()
    }
}
