import Metrics
import Tracing

/// Where sandboxes, pools and stores report what they do: metrics (swift-metrics) and spans
/// (swift-distributed-tracing).
///
///     var configuration = SandboxConfiguration()
///     configuration.telemetry = SandboxTelemetry()       // what the process has bootstrapped
///
/// Made once and shared by any number of sandboxes, from any thread. Whether there is anyone to report to is decided
/// here, once: with backends that do nothing, a sandbox is the same as without telemetry, and looks for no tracer,
/// takes no lock and asks for no time on its way.
public final class SandboxTelemetry: Sendable {
    /// Host calls of one call that get spans of their own; how many more there were is an attribute of the call's.
    public static let hostSpanLimit = 128

    package let metrics: TelemetryMetrics?
    let tracer: (any Tracer)?

    /// - Parameters:
    ///   - metrics: nil for none.
    ///   - tracer: nil for no spans.
    ///   - labels: of all metrics. Names and values that guests or callers choose do not belong here.
    public init(metrics: (any MetricsFactory)?, tracer: (any Tracer)?, labels: [(String, String)] = []) {
        self.metrics =
            metrics.flatMap { $0 is NOOPMetricsHandler ? nil : TelemetryMetrics(factory: $0, labels: labels) }
        self.tracer = tracer.flatMap { $0 is NoOpTracer ? nil : $0 }
    }

    /// The backends that `MetricsSystem` and `InstrumentationSystem` have now: bootstrap them first.
    public convenience init(labels: [(String, String)] = []) {
        self.init(metrics: MetricsSystem.factory, tracer: InstrumentationSystem.tracer, labels: labels)
    }

    /// Whether anyone wants to know anything.
    public var isActive: Bool { metrics != nil || tracer != nil }

    /// A span below that of the caller; nil without a tracer.
    package func span(_ name: String) -> (any Span)? { tracer?.startAnySpan(name) }
}
