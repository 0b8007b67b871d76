/// A range of guest-virtual memory as the guest claims it: hostile until checked.
struct GuestSpan: Equatable, Sendable {
    var address: UInt64
    var byteCount: UInt64
}
