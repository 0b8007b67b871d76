import CPalimpsest

/// A range of guest-virtual memory as the guest claims it: hostile until checked.
package struct GuestSpan: Equatable, Sendable {
    package let address: GuestVirtualAddress
    package let byteCount: Untrusted<UInt64>

    @inlinable package init(address: GuestVirtualAddress, byteCount: Untrusted<UInt64>) {
        self.address = address
        self.byteCount = byteCount
    }

    @inlinable package init(address: UInt64, byteCount: UInt64) {
        self.init(address: GuestVirtualAddress(rawValue: address), byteCount: Untrusted(byteCount))
    }

    /// As the ABI has it.
    @inlinable package init(_ span: pal_span) { self.init(address: span.address, byteCount: span.count) }

    /// The beginning of it: at most `limit` bytes.
    @inlinable package func prefix(_ limit: Int) -> GuestSpan {
        byteCount.count(upTo: limit) == nil ? GuestSpan(address: address, byteCount: Untrusted(UInt64(limit))) : self
    }
}
