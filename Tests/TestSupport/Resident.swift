import Glibc
import MicroVM
import Palimpsest
import Testing

/// What tests of resident calls share.
package enum Resident {
    /// Small, and parked only where a test asks for it: on a busy machine a call can be far from the next.
    package static func configuration(
        parkAfter: Duration = .seconds(600), callsPerFullRestore: Int? = nil, fullRestoreInterval: Duration? = nil,
        strategy: RollbackStrategy = .automatic
    ) -> SandboxConfiguration {
        var configuration = small
        configuration.rollbackStrategy = strategy
        configuration.registerReset = .byGuest(
            Residency(
                parkAfter: parkAfter, callsPerFullRestore: callsPerFullRestore,
                fullRestoreInterval: fullRestoreInterval))
        return configuration
    }

    package static let small = SandboxConfiguration(
        heapByteCount: 256 << 10, stackByteCount: 64 << 10, mailboxByteCount: 16 << 10, scratchByteCount: 4 << 20)

    package static func usurper(_ configuration: SandboxConfiguration) throws -> Sandbox {
        try Sandbox(guest: .bytes(Guests.usurper), configuration: configuration, hostFunctions: makeHostFunctions())
    }

    /// How often this thread has given up its processor to wait (getrusage(2), ru_nvcsw).
    package static var sleepCount: Int {
        var usage = rusage()
        // RUSAGE_THREAD, which Swift does not import.
        return getrusage(1, &usage) == 0 ? usage.ru_nvcsw : 0
    }

    /// Time that a thread has run, in nanoseconds.
    package static func processorTime(_ thread: pthread_t) -> UInt64 {
        var clock = clockid_t()
        var time = timespec()
        guard pthread_getcpuclockid(thread, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Holds what two calls found in their registers against each other. Offsets are into `found` of the guests'
    /// `state`.
    package static func expectSame(
        _ found: [UInt8], _ expected: [UInt8], _ comment: String = "", _ location: SourceLocation = #_sourceLocation
    ) {
        let offsets = zip(found, expected).enumerated().filter { $0.element.0 != $0.element.1 }.map(\.offset)
        guard found.count != expected.count || !offsets.isEmpty else { return }
        let bytes = offsets.prefix(8).map { "\($0): \(found[$0]) for \(expected[$0])" }
        Issue.record("registers differ, \(comment): \(bytes)", sourceLocation: location)
    }

    /// What a test calls the threads that run its vCPUs, to know them from Dispatch's, which come and go.
    package static let threadName = "test-resident"

    /// This process's threads of that name.
    package static var threadCount: Int { threadNames().count { $0 == threadName } }
}
