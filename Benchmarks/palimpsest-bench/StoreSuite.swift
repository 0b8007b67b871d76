import Foundation
@_spi(Benchmarks) import Palimpsest

extension Suite {
    /// Snapshots to the disk and back.
    static let store = Suite(name: "store", summary: "snapshots on disk: save, load, load from a cold page cache") {
        effort in
        let folder = try StoreFolder()
        var report = Report()
        for mebibytes in [64, 1024] {
            report.add(try save(mebibytes, folder, effort))
            for isSparse in [false, true] { report.add(try load(mebibytes, isSparse, folder, effort)) }
        }
        report.add(try saveChild(folder, effort))
        report.add(try loadAndCall(folder, effort))
        for pageCount in [1024, 4096, 16384] { report.add(try loadCold(pageCount, folder, effort)) }
        return report
    }

    private static func measure(
        _ measurements: inout [Measurement], _ operations: [Operation], _ effort: Effort
    ) throws {
        // Many rounds of few samples: a disk has moods, and each must meet all of them.
        try Interleaving.measure(
            &measurements, operations, sampleCount: 64 * 20, warmUpCount: 3,
            nanoseconds: 4 * effort.nanosecondsPerResult)
    }

    private static func report(_ measurements: [Measurement]) -> Report {
        let medians = Dictionary(measurements.map { ($0.name, $0.p50) }, uniquingKeysWith: { first, _ in first })
        return Report(results: measurements.map { Record($0, floorP50: $0.floor.flatMap { medians[$0] }) })
    }

    /// A snapshot with so many MiB of heap, all of it or every sixteenth page of it not zero.
    private static func snapshot(mebibytes: Int, isSparse: Bool = false) throws -> Snapshot {
        // The guest's allocator rounds up to a power of two.
        let sandbox = try Sandbox(
            guest: BenchGuest.source(), configuration: .init(heapByteCount: (2 * mebibytes + 16) << 20))
        let pageCount = UInt64(mebibytes << 8)
        if isSparse {
            try sandbox.call("fillSparsely", pageCount, UInt64(16))
        } else {
            try sandbox.call("fillPages", pageCount)
        }
        return try sandbox.snapshot()
    }

    // MARK: - Save

    /// Every sample writes all of it into a new store.
    private static func save(_ mebibytes: Int, _ folder: StoreFolder, _ effort: Effort) throws -> Report {
        let snapshot = try snapshot(mebibytes: mebibytes)
        let floor = FileFloor(byteCount: mebibytes << 20, path: folder.store("floor"))
        let names = ["write+fsync", "sha256"].map { "floor/\($0)/MiB=\(mebibytes)" }
        var measurements = [
            Measurement("store/save/MiB=\(mebibytes)"), Measurement(names[0]), Measurement(names[1]),
        ]
        let operations = [
            Operation(
                prepare: { folder.remove("save") },
                body: { try snapshot.save(to: folder.store("save"), tag: "a") }),
            Operation(prepare: { floor.remove() }, body: { try floor.writeAndSync() }),
            Operation { try floor.hash() },
        ]
        try measure(&measurements, operations, effort)
        folder.remove("save")
        // Both at once take as long as the slower one.
        let slower = measurements[1].p50 > measurements[2].p50 ? 1 : 2
        return Report(
            results: measurements.enumerated().map { index, measurement in
                index == 0
                    ? Record(measurement.over(names[slower - 1]), floorP50: measurements[slower].p50)
                    : Record(measurement, floorP50: nil)
            })
    }

    /// A child with 16 pages of its own, beside its parent of 64 MiB; its floor writes those 64 KiB.
    private static func saveChild(_ folder: StoreFolder, _ effort: Effort) throws -> Report {
        let parent = try snapshot(mebibytes: 64)
        try parent.save(to: folder.store("family"), tag: "parent")
        let sandbox = try Sandbox(from: parent)
        let floor = FileFloor(byteCount: 16 * 4096, path: folder.store("floor"))
        var child = parent
        var number: UInt64 = 0
        var measurements = [
            Measurement("store/save-child", over: "floor/write+fsync/KiB=64"), Measurement("floor/write+fsync/KiB=64"),
        ]
        try measure(
            &measurements,
            [
                Operation(
                    prepare: {
                        try sandbox.restore(parent)
                        number += 1
                        try sandbox.call("writePages", UInt64(16), number % 512 + 1)
                        child = try sandbox.snapshot()
                    }, body: { try child.save(to: folder.store("family"), tag: "child") }),
                Operation(prepare: { floor.remove() }, body: { try floor.writeAndSync() }),
            ], effort)
        folder.remove("family")
        return report(measurements)
    }

    // MARK: - Load

    /// From a warm page cache; nobody has the snapshot mapped.
    private static func load(
        _ mebibytes: Int, _ isSparse: Bool, _ folder: StoreFolder, _ effort: Effort
    ) throws -> Report {
        let suffix = "MiB=\(mebibytes)\(isSparse ? "/sparse" : "")"
        try snapshot(mebibytes: mebibytes, isSparse: isSparse).save(to: folder.store("load"), tag: "a")
        defer { folder.remove("load") }
        var measurements = [Measurement("store/load/\(suffix)")]
        let loaded = Kept<Snapshot>()
        var operations = [
            Operation(
                prepare: { loaded.value = nil },
                body: { loaded.value = try Snapshot(loading: folder.store("load"), reference: "a") })
        ]
        if !isSparse {
            let floor = FileFloor(byteCount: mebibytes << 20, path: folder.store("floor"))
            measurements += [
                Measurement("store/load-verify/\(suffix)", over: "floor/sha256/\(suffix)"),
                Measurement("floor/sha256/\(suffix)"),
            ]
            operations += [
                Operation {
                    loaded.value = try Snapshot(loading: folder.store("load"), reference: "a", verify: .digests)
                }, Operation { try floor.hash() },
            ]
        }
        try measure(&measurements, operations, effort)
        loaded.value = nil
        return report(measurements)
    }

    /// A load and a first call on a recycled machine, beside the call on one of a snapshot that is in memory.
    private static func loadAndCall(_ folder: StoreFolder, _ effort: Effort) throws -> Report {
        let original = try BenchGuest.snapshot(pageCount: 64)
        try original.recordHotPages { (sandbox) throws(SandboxError) in
            _ = try sandbox.call("add", Int64(40), Int64(2)) as Int64
        }
        try original.save(to: folder.store("call"), tag: "a")
        defer { folder.remove("call") }
        let sandbox = Kept<Sandbox>()
        func call(_ snapshot: Snapshot) throws {
            let new = try Sandbox(from: snapshot)
            try BenchGuest.check(try new.call("add", Int64(40), Int64(2)) == Int64(42))
            sandbox.value = new
        }
        let floor = "create/recycled+call"
        var measurements = [Measurement("store/load+call/recycled", over: floor), Measurement(floor)]
        try measure(
            &measurements,
            [
                Operation(
                    prepare: { sandbox.value = nil },
                    body: { try call(try Snapshot(loading: folder.store("call"), reference: "a")) }),
                Operation(prepare: { sandbox.value = nil }, body: { try call(original) }),
            ], effort)
        return report(measurements)
    }

    /// Load and first call with nothing of the snapshot in the page cache. The call reads `pageCount` pages, spread
    /// over 1 GiB; the floor reads as many bytes from a file in one go.
    private static func loadCold(_ pageCount: Int, _ folder: StoreFolder, _ effort: Effort) throws -> Report {
        let total = UInt64(1024 << 8)
        let mebibytes = pageCount >> 8
        let plain = try snapshot(mebibytes: 1024)
        try plain.save(to: folder.store("plain"), tag: "a")
        let hot = try snapshot(mebibytes: 1024)
        try hot.recordHotPages { (sandbox) throws(SandboxError) in
            _ = try sandbox.call("readScattered", UInt64(pageCount), total) as UInt64
        }
        try hot.save(to: folder.store("hot"), tag: "a")
        defer { for name in ["plain", "hot"] { folder.remove(name) } }
        let floor = FileFloor(byteCount: pageCount << 12, path: folder.store("floor"))
        try floor.writeAndSync()
        let sandbox = Kept<Sandbox>()
        func cold(_ name: String, prefetch: Bool) -> Operation {
            Operation(
                prepare: {
                    sandbox.value = nil
                    try folder.evict(name)
                },
                body: {
                    let snapshot = try Snapshot(loading: folder.store(name), reference: "a", prefetch: prefetch)
                    let new = try Sandbox(from: snapshot)
                    _ = try new.call("readScattered", UInt64(pageCount), total) as UInt64
                    sandbox.value = new
                })
        }
        let name = "store/load-cold+call/MiB=\(mebibytes)"
        let floorName = "floor/read-cold/MiB=\(mebibytes)"
        var measurements = [
            Measurement("\(name)/prefetch", over: "\(name)/page-faults"), Measurement("\(name)/hot-order"),
            Measurement("\(name)/page-faults"), Measurement(floorName),
        ]
        try measure(
            &measurements,
            [
                cold("hot", prefetch: true), cold("hot", prefetch: false), cold("plain", prefetch: false),
                Operation(prepare: { try floor.evict() }, body: { try floor.readSequentially() }),
            ], effort)
        sandbox.value = nil
        return report(measurements)
    }
}

/// What a sample leaves behind, cleared away before the next one is timed.
private final class Kept<Value> {
    var value: Value?
}
