/// Why a machine cannot have the memory that it was to have.
package enum GuestMemoryError: Error {
    /// KVM, memory or descriptors are not to be had.
    case machine(MachineError)
    /// Scratch memory has no room for `purpose`: its pool has `byteCount` bytes.
    case scratchTooSmall(byteCount: Int, purpose: String)
    /// The file behind a page is gone, or shorter than it was.
    case fileUnreadable(path: String)
}
