import Foundation
@_spi(Benchmarks) import Palimpsest

extension Suite {
    /// Sandboxes from nothing to the result of their first call. What they leave is cleared away untimed.
    static let create = Suite(
        name: "create", summary: "new sandboxes: bare VM, from the ELF, from a snapshot, recycled"
    ) { effort in
        let snapshot = try BenchGuest.snapshot(pageCount: 64)
        try teach(snapshot)
        let bare = try BareMachine(from: snapshot, function: "exitForever")
        let floor = "floor/create-vm"
        var measurements = [Measurement(floor)]
        var operations = [Operation(prepare: { bare.discard() }, body: { try BenchGuest.check(bare.create()) })]

        func add(
            _ name: String, over floor: String, pageCount: Int, recycled: Bool, _ make: @escaping () throws -> Sandbox
        ) {
            var sandbox: Sandbox?
            measurements.append(Measurement(name, over: floor))
            operations.append(
                Operation(
                    prepare: {
                        sandbox = nil
                        if !recycled { Sandbox.releaseIdleMachines() }
                    },
                    body: {
                        let new = try make()
                        if pageCount > 0 {
                            try new.call("writePages", UInt64(pageCount), UInt64(2))
                        } else {
                            try BenchGuest.check(try new.call("add", Int64(40), Int64(2)) == Int64(42))
                        }
                        sandbox = new
                    }))
        }
        add("create/elf", over: floor, pageCount: 0, recycled: false) { try Sandbox(guest: BenchGuest.source()) }
        for pageCount in [0, 16] {
            for copiesWriteSet in [true, false] {
                let configuration = SandboxConfiguration(copiesWriteSet: copiesWriteSet)
                let suffix = (pageCount > 0 ? "/pages=\(pageCount)" : "") + (copiesWriteSet ? "" : "/no-write-set")
                let new = "create/snapshot+call\(suffix)"
                add(new, over: floor, pageCount: pageCount, recycled: false) {
                    try Sandbox(from: snapshot, configuration: configuration)
                }
                add("create/recycled+call\(suffix)", over: new, pageCount: pageCount, recycled: true) {
                    try Sandbox(from: snapshot, configuration: configuration)
                }
            }
        }
        for layerCount in [2, 4, 8] {
            let chain = try chain(layerCount)
            try teach(chain)
            add(
                "create/snapshot+call/layers=\(layerCount)", over: "create/snapshot+call", pageCount: 0, recycled: false
            ) { try Sandbox(from: chain) }
        }
        try Interleaving.measure(
            &measurements, operations, sampleCount: effort.isQuick ? 50 : 500, warmUpCount: 5,
            nanoseconds: 4 * effort.nanosecondsPerResult)
        let medians = Dictionary(measurements.map { ($0.name, $0.p50) }, uniquingKeysWith: { first, _ in first })
        return Report(results: measurements.map { Record($0, floorP50: $0.floor.flatMap { medians[$0] }) })
    }

    /// Lets a snapshot learn its write set.
    private static func teach(_ snapshot: Snapshot) throws {
        let sandbox = try Sandbox(from: snapshot)
        try sandbox.call("writePages", UInt64(16), UInt64(2))
        try sandbox.restore(snapshot)
    }

    /// A snapshot of so many layers.
    private static func chain(_ layerCount: Int) throws -> Snapshot {
        let sandbox = try Sandbox(guest: BenchGuest.source())
        try sandbox.call("fillPages", UInt64(64))
        var snapshot = try sandbox.snapshot()
        while snapshot.layerCount < layerCount {
            try sandbox.call("writePages", UInt64(snapshot.layerCount), UInt64(1))
            snapshot = try sandbox.snapshot()
        }
        return snapshot
    }

    /// Taking snapshots: the pages written become a layer.
    static let snapshot = Suite(name: "snapshot", summary: "taking a snapshot after 0 to 4,096 pages were written") {
        effort in
        let base = try BenchGuest.snapshot(pageCount: 2 * 4096 + 16)
        var report = Report()
        for pageCount in [0, 1, 16, 256, 4096] {
            let sandbox = try Sandbox(from: base)
            let floor = "floor/memcpy-4k/pages=\(pageCount)"
            var measurements = [Measurement("snapshot/take/pages=\(pageCount)", over: pageCount > 0 ? floor : nil)]
            var operations = [
                Operation(
                    prepare: {
                        try sandbox.restore(base)
                        try sandbox.call("writePages", UInt64(pageCount), UInt64(2))
                    }, body: { _ = try sandbox.snapshot() })
            ]
            if pageCount > 0 {
                measurements.append(Measurement(floor))
                operations.append(try PageFloor(base, pageCount: pageCount, stride: 2).copy)
            }
            try Interleaving.measure(
                &measurements, operations, sampleCount: effort.isQuick ? 100 : 2_000, warmUpCount: 20,
                nanoseconds: effort.nanosecondsPerResult)
            report.add(
                Report(
                    results: measurements.enumerated().map { index, measurement in
                        Record(
                            measurement, floorP50: measurement.floor.map { _ in measurements[1].p50 },
                            divisor: index == 1 ? pageCount : 1)
                    }))
        }
        return report
    }
}
