/// How long a vCPU waits inside its guest for calls, and how often registers are loaded nevertheless.
package struct ResidencyLimits: Sendable {
    /// After how long without a call the vCPU is to leave the guest.
    package var parkNanoseconds: UInt64
    /// After how many calls a restore is a full one; nil: however many.
    package var callsPerFullRestore: UInt64?
    /// After how long a restore is a full one; nil: however long.
    package var fullRestoreNanoseconds: UInt64?

    package init(parkNanoseconds: UInt64, callsPerFullRestore: UInt64?, fullRestoreNanoseconds: UInt64?) {
        self.parkNanoseconds = parkNanoseconds
        self.callsPerFullRestore = callsPerFullRestore
        self.fullRestoreNanoseconds = fullRestoreNanoseconds
    }
}
