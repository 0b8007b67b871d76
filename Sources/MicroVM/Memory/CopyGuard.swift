import CPalimpsest
import SystemPackage

/// Survival of files that shrink while they are mapped.
package enum CopyGuard {
    /// From here on `pal_copy_guarded` works in this process.
    package static func install() throws(MachineError) {
        let result = pal_guard_copies()
        guard result == 0 else { throw MachineError("sigaction of SIGBUS", Errno(rawValue: -result)) }
    }
}
