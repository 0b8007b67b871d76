/// Recording what a sandbox does, call by call.
extension Sandbox {
    /// How many events a trace can hold.
    public static let traceCapacityRange = 1...1_048_576

    /// Records from now on what this sandbox does: entries, exits and their reasons, page faults, host calls, log
    /// lines, rollbacks. What was recorded before is gone.
    ///
    ///     try sandbox.startTracing()
    ///     try sandbox.call("handle", request)
    ///     for event in sandbox.stopTracing()?.events ?? [] { print(event.start, event.duration, event.kind) }
    ///
    /// Each event costs two looks at the clock, some 50 ns. A sandbox that is not traced pays a comparison with nil for
    /// each entry and each rollback.
    /// - Parameter capacity: how many events are kept, the newest: 1 to 1,048,576; the memory, some 130 bytes for each,
    ///   is taken now.
    /// - Throws: `SandboxError.invalidConfiguration`.
    public func startTracing(capacity: Int = 16_384) throws(SandboxError) {
        guard Sandbox.traceCapacityRange.contains(capacity) else {
            throw .invalidConfiguration(
                name: "capacity", value: capacity,
                expected: "\(Sandbox.traceCapacityRange.lowerBound) to \(Sandbox.traceCapacityRange.upperBound)")
        }
        let observer = observer ?? SandboxObserver()
        observer.recorder = TraceRecorder(capacity: capacity)
        self.observer = observer
    }

    /// Ends the recording.
    /// - Returns: what was recorded; nil if nothing was being.
    @discardableResult
    public func stopTracing() -> CallTrace? {
        guard let trace else { return nil }
        observer?.recorder = nil
        observer = observer?.ifNeeded
        return trace
    }

    /// What has been recorded so far; nil if nothing is being.
    public var trace: CallTrace? { observer?.recorder?.trace(program.symbols.table) }
}
