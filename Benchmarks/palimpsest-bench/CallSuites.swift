@_spi(Benchmarks) import Palimpsest

extension Suite {
    /// What no isolated call can beat: the bare round trip into ring 3 and out again.
    static let floor = Suite(name: "floor", summary: "bare KVM_RUN round trip of a ring 3 out loop") { effort in
        var measurements = [Measurement("floor/kvm-run")]
        try Interleaving.measure(
            &measurements, [BenchGuest.bareLoop()], sampleCount: effort.sampleCount, warmUpCount: effort.warmUpCount)
        return Report(results: measurements.map { Record($0, floorP50: nil) })
    }

    private static let batchCount = 256

    /// Calls by handle, each against the floor measured between them.
    static let call = Suite(name: "call", summary: "typed calls: add, echo-64, host-add, a batch") { effort in
        var host = HostFunctions()
        try host.register("hostAdd") { (a: Int64, b: Int64) -> Int64 in a &+ b }
        let sandbox = try Sandbox(guest: BenchGuest.source(), hostFunctions: host)
        let add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
        let echo = try sandbox.function("echo", as: ((String) -> String).self)
        let addOnHost = try sandbox.function("addOnHost", as: ((Int64, Int64) -> Int64).self)
        let text = String(repeating: "palimpsest/64byte", count: 4).prefix(64).description
        let numbers = (0..<batchCount).map { (Int64($0), Int64(2)) }
        let floor = "floor/kvm-run"
        var measurements = [
            Measurement(floor), Measurement("call/add", over: floor), Measurement("call/echo-64", over: floor),
            Measurement("call/host-add", over: floor), Measurement("call/batch-\(batchCount)", over: floor),
        ]
        let operations = [
            try BenchGuest.bareLoop(),
            Operation { try BenchGuest.check(sandbox.call(add, 40, 2) == 42) },
            Operation { try BenchGuest.check(sandbox.call(echo, text) == text) },
            Operation { try BenchGuest.check(sandbox.call(addOnHost, 40, 2) == 42) },
            Operation { try BenchGuest.check(sandbox.callBatch(add, numbers).count == batchCount) },
        ]
        try Interleaving.measure(
            &measurements, operations, sampleCount: effort.sampleCount, warmUpCount: effort.warmUpCount)
        let floorP50 = measurements[0].p50
        let records = measurements.enumerated().map { Record($1, floorP50: $0 == 0 ? nil : floorP50) }
        let counts = try zip(measurements, operations).dropFirst().map {
            try Count($0.name, $1, sandbox, callCount: effort.warmUpCount)
        }
        return Report(results: records, counts: counts)
    }
}
