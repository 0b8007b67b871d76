import MicroVM
import Palimpsest
import TestSupport
import Testing

@Suite("Snapshot layers")
struct SnapshotLayerTests {
    /// Pages that a call writes whatever it does: stack, mailbox, the SDK's own data.
    private static let pagesOfACall = 8

    @Test("a snapshot costs the pages written since the last one, and shares the rest")
    func cost() throws {
        let sandbox = try Scribe.make(Scribe.configuration(heapPageCount: 1_100))
        let pages = try sandbox.fill(pages: 512)
        var last = try sandbox.snapshot()
        for (round, count) in [1, 16, 200].enumerated() {
            try sandbox.scribble(pages, pages: count, stride: 2, value: UInt64(round) << 32)
            let next = try sandbox.snapshot()
            let range = count * pageByteCount...(count + SnapshotLayerTests.pagesOfACall) * pageByteCount
            #expect(range.contains(next.newestLayerByteCount), "\(count) pages: \(next.newestLayerByteCount) bytes")
            // All is shared but a layer that no page is read from any more.
            let shared = next.memory.snapshotLayers.dropLast()
            #expect(shared.allSatisfy { layer in last.memory.snapshotLayers.contains { $0 === layer } })
            #expect((last.layerCount - 1...last.layerCount).contains(shared.count))
            #expect(next.byteCount == shared.reduce(0) { $0 + $1.byteCount } + next.newestLayerByteCount)
            last = next
        }
    }

    @Test("a snapshot of what has not changed costs nothing, and is the same state")
    func nothingNew() throws {
        let sandbox = try Scribe.make()
        let pages = try sandbox.fill(pages: 20)
        let first = try sandbox.snapshot()
        let second = try sandbox.snapshot()
        #expect(second.byteCount == first.byteCount && second.layerCount == first.layerCount)
        try sandbox.scribble(pages, pages: 10, value: 5)
        try sandbox.restore(first)
        let third = try sandbox.snapshot()
        #expect(third.byteCount == first.byteCount && third.layerCount == first.layerCount)
        #expect(try Oracle(sandbox).differences(Sandbox(from: third)) == [])
    }

    @Test("pages that became zero cost nothing and are zero in every sandbox")
    func zeroed() throws {
        let sandbox = try Scribe.make()
        let pages = try sandbox.fill(pages: 20)
        let data: UInt64 = try sandbox.call("dataAddress")
        try sandbox.scribble(data, pages: 20, value: 7)
        let filled = try sandbox.snapshot()
        // Heap, whose pages have homes in scratch, and data of the image, whose pages have none.
        try sandbox.call("erase", pages, 20 as UInt64)
        try sandbox.call("erase", data, 20 as UInt64)
        let witness = try Oracle(sandbox)
        let snapshot = try sandbox.snapshot()
        #expect(snapshot.byteCount - filled.byteCount <= SnapshotLayerTests.pagesOfACall * pageByteCount)
        for strategy in RollbackStrategy.allCases {
            let other = try Sandbox(from: filled, configuration: .init(rollbackStrategy: strategy))
            try other.restore(snapshot)
            #expect(try witness.differences(other) == [], "\(strategy)")
            #expect(try witness.guestDifferences(other) == [], "\(strategy)")
        }
        let new = try Sandbox(from: snapshot)
        #expect(try witness.differences(new) == [])
        #expect(try witness.guestDifferences(new) == [])
    }

    @Test("taking a snapshot changes nothing the guest can see")
    func invisible() throws {
        let sandbox = try Fuzzer.makeSandbox(.automatic)
        for seed in 1...5 as ClosedRange<UInt64> {
            try sandbox.call("run", seed, 30 as UInt32, 0 as UInt32, 0 as UInt64, 0 as UInt64)
            let oracle = try Oracle(sandbox)
            let constants = try sandbox.constantsPage()
            _ = try sandbox.snapshot()
            #expect(try oracle.differences(sandbox) == [], "seed \(seed)")
            #expect(try sandbox.constantsPage() == constants, "entropy and generation, seed \(seed)")
            #expect(sandbox.status == .ready)
        }
    }

    @Test("a sandbox that was snapshotted between its calls ends up as one that was not")
    func twins() throws {
        let watched = try Fuzzer.makeSandbox(.automatic)
        let alone = try Fuzzer.makeSandbox(.automatic)
        for seed in 1...12 as ClosedRange<UInt64> {
            for sandbox in [watched, alone] {
                try sandbox.call("run", seed, 30 as UInt32, 0 as UInt32, 0 as UInt64, 0 as UInt64)
            }
            _ = try watched.snapshot()
            #expect(try watched.call("state") == alone.call("state") as [UInt8], "seed \(seed)")
        }
        #expect(try Oracle(alone).differences(watched) == [])
        #expect(try Oracle(alone).guestDifferences(watched) == [])
    }

    @Test(
        "in a chain far longer than may be stacked every snapshot stays right, and layers stay few",
        arguments: [false, true])
    func longChain(inNewSandboxes: Bool) throws {
        var sandbox = try Scribe.make()
        let pages = try sandbox.fill(pages: 64)
        var chain: [(snapshot: Snapshot, oracle: Oracle)] = []
        for link in 0..<26 {
            // Some pages of the last links, some new ones, and one that the first layer holds.
            try sandbox.scribble(pages + UInt64(link * pageByteCount), pages: 3, stride: 2, value: UInt64(link) << 20)
            let snapshot = try sandbox.snapshot()
            #expect(snapshot.layerCount <= 8, "link \(link)")
            chain.append((snapshot, try Oracle(sandbox)))
            if inNewSandboxes { sandbox = try Sandbox(from: snapshot) }
        }
        var random = SplitMix(state: 26)
        for index in chain.indices.shuffled(using: &random) {
            let (snapshot, oracle) = chain[index]
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [], "link \(index)")
            guard index.isMultiple(of: 5) else { continue }
            let new = try Sandbox(from: snapshot)
            #expect(try oracle.differences(new) == [], "new, link \(index)")
            #expect(try oracle.guestDifferences(new) == [], "new, as the guest reads it, link \(index)")
        }
    }

    @Test("where the place for layers is used up, they are merged and places start from below again")
    func placesUsedUp() throws {
        let original = try Scribe.make()
        let pages = try original.fill(pages: 64)
        // As if many layers had come and gone: the newest is where only one more fits above it.
        let snapshot = try original.snapshot().raised(
            to: GuestPhysicalAddress(rawValue: GuestLayout.scratchPhysical.rawValue - 2 * 0x20_0000))
        let sandbox = try Sandbox(from: snapshot)
        #expect(try Oracle(original).differences(sandbox) == [])
        var places: [GuestPhysicalAddress] = []
        for round in 0..<4 {
            try sandbox.scribble(pages, pages: 3, stride: round + 1, value: UInt64(round) << 32)
            let next = try sandbox.snapshot()
            places.append(try #require(next.memory.snapshotLayers.last).place)
            let oracle = try Oracle(sandbox)
            let new = try Sandbox(from: next)
            #expect(try oracle.differences(new) == [], "round \(round)")
            #expect(try oracle.guestDifferences(new) == [], "round \(round)")
        }
        // The last place there is, then all in one low layer, then on from there.
        #expect(places[0].rawValue == GuestLayout.scratchPhysical.rawValue - 0x20_0000)
        #expect(places[1] < places[2] && places[2] < places[3] && places[3].rawValue < 1 << 30, "\(places)")
        try sandbox.restore(snapshot)
        #expect(try Oracle(original).differences(sandbox) == [])
    }

    @Test("a flattened snapshot stays right when its ancestors are gone")
    func ancestorsGone() throws {
        let sandbox = try Scribe.make()
        let pages = try sandbox.fill(pages: 64)
        var newest = try sandbox.snapshot()
        for link in 0..<12 {
            try sandbox.scribble(pages, pages: link + 1, stride: 3, value: UInt64(link))
            newest = try sandbox.snapshot()
        }
        let oracle = try Oracle(sandbox)
        Sandbox.releaseIdleMachines()
        let new = try Sandbox(from: newest)
        #expect(try oracle.differences(new) == [])
        #expect(try oracle.guestDifferences(new) == [])
    }
}

extension Snapshot {
    /// The same state with the newest layer at another place.
    fileprivate func raised(to place: GuestPhysicalAddress) throws -> Snapshot {
        let layers = memory.snapshotLayers
        let newest = try #require(layers.last)
        let raised = MemoryLayer(newest.segment, at: place)
        let runs = memory.pages.runs.map {
            $0.layer === newest ? PageMap.Run(pages: $0.pages, layer: raised, offset: $0.offset) : $0
        }
        return Snapshot(
            memory: memory.with(layers: layers.dropLast() + [raised], pages: PageMap(runs)), program: program,
            requiredHostFunctions: requiredHostFunctions)
    }
}
