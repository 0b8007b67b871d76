/// A range of a guest's virtual memory, for people: what it is and what the guest may do with it.
public struct GuestRegion: Sendable, Hashable, CustomStringConvertible {
    public let label: String
    public let addresses: Range<UInt64>
    /// `READ | WRITE` and the like, or `NONE`.
    public let access: String

    package init(label: String, addresses: Range<UInt64>, access: String) {
        self.label = label
        self.addresses = addresses
        self.access = access
    }

    public var description: String {
        "\(hex(addresses.lowerBound))-\(hex(addresses.upperBound)) \(access) \(label)"
    }
}

extension GuestRegion {
    package init(_ region: MemoryRegion<GuestVirtualAddress>) {
        self.init(
            label: region.label.rawValue,
            addresses: region.guest.lowerBound.rawValue..<region.guest.upperBound.rawValue,
            access: region.access.description)
    }
}
