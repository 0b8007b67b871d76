import MicroVM

/// A page fault and what was done about it (error code: Intel SDM vol. 3, 4.7).
public struct TracePageFault: Sendable, Hashable {
    public enum Access: String, Sendable, Hashable { case read, write, execute }

    public enum Cause: String, Sendable, Hashable {
        /// Zero-filled memory that no call has touched yet: all of it that one page table spans is there now.
        case firstTouch = "first touch"
        /// A snapshot's page, written to for the first time: it was copied, and neighbours with it.
        case copyOnWrite = "copy-on-write"
        /// The page was as the guest wanted it: the processor had an older translation.
        case stale = "stale translation"
        /// The guest has no right to it, or there was no memory left: the call ends.
        case refused
    }

    /// What the guest touched.
    public var address: UInt64
    public var access: Access
    public var cause: Cause
    /// What is there: `data`, `heap`, `stack`...; nil if nothing is.
    public var region: String?
    /// Pages copied from the snapshot.
    public var pagesCopied: Int
    /// Where the guest was.
    public var instruction: UInt64
    /// The function at `instruction`, as `name+0x1c`.
    public var symbol: String?

    /// The page's address.
    public var page: UInt64 { address & ~UInt64(pageByteCount - 1) }
}
