/// Why a debugger cannot change a guest's memory. Nothing has changed.
package enum PatchError: Error {
    /// The guest may not write there either.
    case unwritable(address: UInt64, byteCount: UInt64)
    /// No code of the guest's is there.
    case notCode(address: UInt64)
    /// The scratch memory has no page left for a private copy.
    case scratchExhausted
}
