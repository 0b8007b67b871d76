/// What was recorded of a sandbox: see `Sandbox.startTracing`.
public struct CallTrace: Sendable, Hashable {
    /// In the order they began; of those that began at the same time, the longer one first.
    public var events: [TraceEvent]
    /// Events that had to make room for later ones.
    public var lostEventCount: UInt64

    public init(events: [TraceEvent], lostEventCount: UInt64) {
        self.events = events.sorted { ($0.start, $1.duration) < ($1.start, $0.duration) }
        self.lostEventCount = lostEventCount
    }
}
