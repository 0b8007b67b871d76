import CPalimpsest
import SystemPackage

/// Whether this process may use io_uring, and what its kernel's offers.
package struct RingProbe: Sendable {
    /// Operations that a rollback or a snapshot store would use and this kernel lacks.
    package let missingOperations: [String]

    /// - Throws: `MachineError`: `ENOSYS` where the kernel has none, `EPERM` where a policy forbids it.
    package init() throws(MachineError) {
        var operations = pal_ring_operations()
        let result = pal_ring_probe(&operations)
        guard result == 0 else { throw MachineError("io_uring_setup", Errno(rawValue: -result)) }
        missingOperations = [
            ("READ_FIXED", operations.read_fixed), ("WRITE_FIXED", operations.write_fixed),
            ("FSYNC", operations.fsync),
        ].filter { !$0.1 }.map(\.0)
    }
}
