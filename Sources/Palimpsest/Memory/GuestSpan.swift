import CPalimpsest

/// A range of guest-virtual memory as the guest claims it: hostile until checked.
struct GuestSpan: Equatable, Sendable {
    let address: GuestVirtualAddress
    let byteCount: Untrusted<UInt64>

    init(address: GuestVirtualAddress, byteCount: Untrusted<UInt64>) {
        self.address = address
        self.byteCount = byteCount
    }

    init(address: UInt64, byteCount: UInt64) {
        self.init(address: GuestVirtualAddress(rawValue: address), byteCount: Untrusted(byteCount))
    }

    /// As the ABI has it.
    init(_ span: pal_span) { self.init(address: span.address, byteCount: span.count) }

    /// The beginning of it: at most `limit` bytes.
    func prefix(_ limit: Int) -> GuestSpan {
        byteCount.count(upTo: limit) == nil ? GuestSpan(address: address, byteCount: Untrusted(UInt64(limit))) : self
    }
}
