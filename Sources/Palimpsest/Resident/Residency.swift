import MicroVM

/// How long a guest waits for calls, and how far its own code is trusted meanwhile: see `RegisterReset.byGuest`.
public struct Residency: Sendable, Hashable {
    /// After how long without a call the vCPU leaves the guest, 1 ms to 1 h, to the millisecond: until then it keeps a
    /// core busy. The next call brings it back, for the price of a `KVM_RUN`.
    public var parkAfter: Duration
    /// After how many calls a `Sandbox.restore` is a full one, 1 or more; nil: however many.
    public var callsPerFullRestore: Int?
    /// After how long a `Sandbox.restore` is a full one; nil: however long. Asking the clock costs each restore some
    /// 30 ns.
    public var fullRestoreInterval: Duration?

    public init(
        parkAfter: Duration = .milliseconds(10), callsPerFullRestore: Int? = nil, fullRestoreInterval: Duration? = nil
    ) {
        self.parkAfter = parkAfter
        self.callsPerFullRestore = callsPerFullRestore
        self.fullRestoreInterval = fullRestoreInterval
    }

    package var limits: ResidencyLimits {
        ResidencyLimits(
            parkNanoseconds: UInt64(parkAfter.nanosecondsRoundedUp),
            callsPerFullRestore: callsPerFullRestore.map(UInt64.init),
            fullRestoreNanoseconds: fullRestoreInterval.map { UInt64($0.nanosecondsRoundedUp) })
    }

    static let parkRange: ClosedRange<Duration> = .milliseconds(1) ... .seconds(3600)

    /// - Throws: `SandboxError.invalidConfiguration`.
    package func validate() throws(SandboxError) {
        guard Residency.parkRange.contains(parkAfter) else {
            throw .invalidConfiguration(
                name: "parkAfter", value: Int(parkAfter.components.seconds), expected: "1 millisecond to 1 hour")
        }
        if let count = callsPerFullRestore, count < 1 {
            throw .invalidConfiguration(name: "callsPerFullRestore", value: count, expected: "1 or more, or nil")
        }
        if let interval = fullRestoreInterval, interval <= .zero {
            throw .invalidConfiguration(
                name: "fullRestoreInterval", value: Int(interval.components.seconds),
                expected: "a time above zero, or nil")
        }
    }
}
