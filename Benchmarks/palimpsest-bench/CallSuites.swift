import AllocationCounter
import Foundation
@_spi(Benchmarks) import Palimpsest

extension Suite {
    /// What no isolated call can beat: the bare round trip into ring 3 and out again.
    static let floor = Suite(name: "floor", summary: "bare KVM_RUN round trip of a ring 3 out loop") { effort in
        let loop = try BareLoop(guest: benchGuest(), function: "exitForever")
        var measurements = [Measurement("floor/kvm-run")]
        try Interleaving.measure(
            &measurements, [bare(loop)], sampleCount: effort.sampleCount, warmUpCount: effort.warmUpCount)
        return Report(results: measurements.map { Record($0, floorP50: nil) })
    }

    /// Calls by handle, each against the floor measured between them.
    static let call = Suite(name: "call", summary: "typed calls: add, echo-64, host-add") { effort in
        var host = HostFunctions()
        try host.register("hostAdd") { (a: Int64, b: Int64) -> Int64 in a &+ b }
        let sandbox = try Sandbox(guest: benchGuest(), hostFunctions: host)
        let loop = try BareLoop(guest: benchGuest(), function: "exitForever")
        let add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
        let echo = try sandbox.function("echo", as: ((String) -> String).self)
        let addOnHost = try sandbox.function("addOnHost", as: ((Int64, Int64) -> Int64).self)
        let text = String(repeating: "palimpsest/64byte", count: 4).prefix(64).description
        let floor = "floor/kvm-run"
        var measurements = [
            Measurement(floor), Measurement("call/add", over: floor), Measurement("call/echo-64", over: floor),
            Measurement("call/host-add", over: floor),
        ]
        let operations = [
            bare(loop),
            Operation { try check(sandbox.call(add, 40, 2) == 42) },
            Operation { try check(sandbox.call(echo, text) == text) },
            Operation { try check(sandbox.call(addOnHost, 40, 2) == 42) },
        ]
        try Interleaving.measure(
            &measurements, operations, sampleCount: effort.sampleCount, warmUpCount: effort.warmUpCount)
        let floorP50 = measurements[0].p50
        let records = measurements.enumerated().map { Record($1, floorP50: $0 == 0 ? nil : floorP50) }
        let counts = try zip(measurements, operations).dropFirst().map {
            try count($0.name, $1, sandbox, callCount: effort.warmUpCount)
        }
        return Report(results: records, counts: counts)
    }

    /// Counts instead of timing.
    private static func count(
        _ name: String, _ operation: Operation, _ sandbox: Sandbox, callCount: Int
    ) throws -> Count {
        let runs = sandbox.statistics.vcpuRuns
        let allocations = allocation_count()
        for _ in 0..<callCount { try operation.body() }
        let allocated = allocation_count() - allocations
        return Count(
            name: name, calls: callCount, allocationsPerCall: Double(allocated) / Double(callCount),
            vcpuRunsPerCall: Double(sandbox.statistics.vcpuRuns - runs) / Double(callCount))
    }

    private static func bare(_ loop: BareLoop) -> Operation {
        Operation { try check(loop.roundTrip()) }
    }

    private static func check(_ condition: Bool) throws {
        guard condition else { throw BenchmarkError.wrongResult }
    }

    private static func benchGuest() throws -> GuestSource {
        guard let url = Bundle.module.url(forResource: "bench", withExtension: "elf") else {
            throw BenchmarkError.missingGuest("bench.elf")
        }
        return .file(url.path)
    }
}
