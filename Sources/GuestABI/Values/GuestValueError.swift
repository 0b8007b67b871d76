import MicroVM

/// Why a value that a guest left behind is none.
public enum GuestValueError: Error, Sendable, Hashable {
    /// It has more bytes than are accepted.
    case tooLarge(byteCount: UInt64, limit: Int)
    /// It points to memory that is not the guest's to read: the guest has broken the ABI.
    case invalidPointer(address: UInt64, byteCount: UInt64)
    /// It is a string, and not UTF-8.
    case invalidUTF8
}
