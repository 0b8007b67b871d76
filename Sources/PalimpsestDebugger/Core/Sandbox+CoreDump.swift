import GuestABI
import Palimpsest
import PalimpsestPool

/// Core dumps: see docs/debugging.md.
extension Sandbox {
    /// Writes an ELF core of the guest as it is now, between two calls or after one that faulted or was stopped:
    /// `gdb guest.elf core` opens it.
    ///
    /// It has the processor's registers, all memory the guest may access, with permissions, and, as notes, the labels
    /// of its regions, the fault's report and the guest's build id. Pages of zeros are holes. It appears under its name
    /// when it is complete and on the disk, and replaces a regular file that was there; only its owner may read it.
    /// What is no regular file is not replaced, nor is a file that the guest comes from.
    ///
    /// Takes time: all that the guest has written is read twice and written once. The status stays what it is.
    /// - Parameter path: where the core is to be.
    /// - Parameter byteLimit: bytes it may have, holes not counted; 1 GiB by default.
    /// - Throws: `CoreDumpError`: `callInProgress`, `unrecoverable`, `processorUnreadable`, `tooLarge`, `unwritable`.
    public func writeCoreDump(to path: String, byteLimit: Int = 1 << 30) throws(CoreDumpError) {
        guard control.reserve() else { throw .callInProgress }
        defer { control.end() }
        guard status != .unrecoverable else { throw .unrecoverable }
        endResidence()
        try CoreWriter(self).write(to: path, byteLimit: byteLimit, status == .poisoned ? lastFault : nil)
    }
}

extension LentSandbox {
    /// Writes an ELF core of the guest, as `Sandbox.writeCoreDump` does.
    public func writeCoreDump(to path: String, byteLimit: Int = 1 << 30) throws(CoreDumpError) {
        try sandbox.writeCoreDump(to: path, byteLimit: byteLimit)
    }
}
