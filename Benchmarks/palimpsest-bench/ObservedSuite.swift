import Metrics
@_spi(Benchmarks) import Palimpsest

extension Suite {
    /// What it costs a call and its rollback that somebody could look on, and that somebody does.
    static let observed = Suite(
        name: "observed", summary: "a call and its rollback: nobody looks on, no-op backends, a trace, metrics"
    ) { effort in
        let floor = "floor/kvm-run"
        let kinds = [
            ("plain", try ObservedCall(telemetry: nil)),
            ("no-op-backends", try ObservedCall(telemetry: SandboxTelemetry())),
            ("trace", try ObservedCall(telemetry: nil, isTraced: true)),
            ("metrics", try ObservedCall(telemetry: SandboxTelemetry(metrics: DiscardedMetrics(), tracer: nil))),
        ]
        var measurements = [Measurement(floor)] + kinds.map { Measurement("observed/\($0.0)", over: floor) }
        let operations = [try BenchGuest.bareLoop()] + kinds.map { $0.1.operation }
        try Interleaving.measure(
            &measurements, operations, sampleCount: effort.sampleCount, warmUpCount: effort.warmUpCount)
        let floorP50 = measurements[0].p50
        let records = measurements.enumerated().map { Record($1, floorP50: $0 == 0 ? nil : floorP50) }
        let counts = try kinds.enumerated().map { index, kind in
            try Count(measurements[index + 1].name, kind.1.operation, kind.1.sandbox, callCount: effort.warmUpCount)
        }
        return Report(results: records, counts: counts)
    }
}

/// A sandbox that is called and rolled back.
private struct ObservedCall {
    let sandbox: Sandbox
    let operation: Operation

    init(telemetry: SandboxTelemetry?, isTraced: Bool = false) throws {
        let snapshot = try Sandbox(guest: BenchGuest.source()).snapshot()
        let sandbox = try Sandbox(from: snapshot, configuration: SandboxConfiguration(telemetry: telemetry))
        let add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
        if isTraced { try sandbox.startTracing() }
        self.sandbox = sandbox
        operation = Operation {
            try BenchGuest.check(sandbox.call(add, 40, 2) == 42)
            try sandbox.restore(snapshot)
        }
    }
}

/// A backend that takes every value and keeps none.
private struct DiscardedMetrics: MetricsFactory {
    private final class Discard: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler,
        TimerHandler
    {
        func increment(by amount: Int64) {}
        func increment(by amount: Double) {}
        func decrement(by amount: Double) {}
        func reset() {}
        func set(_ value: Int64) {}
        func set(_ value: Double) {}
        func record(_ value: Int64) {}
        func record(_ value: Double) {}
        func recordNanoseconds(_ duration: Int64) {}
    }

    private let discard = Discard()

    func makeCounter(label: String, dimensions: [(String, String)]) -> CounterHandler { discard }
    func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> FloatingPointCounterHandler {
        discard
    }
    func makeMeter(label: String, dimensions: [(String, String)]) -> MeterHandler { discard }
    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> RecorderHandler { discard }
    func makeTimer(label: String, dimensions: [(String, String)]) -> TimerHandler { discard }
    func destroyCounter(_ handler: CounterHandler) {}
    func destroyFloatingPointCounter(_ handler: FloatingPointCounterHandler) {}
    func destroyMeter(_ handler: MeterHandler) {}
    func destroyRecorder(_ handler: RecorderHandler) {}
    func destroyTimer(_ handler: TimerHandler) {}
}
