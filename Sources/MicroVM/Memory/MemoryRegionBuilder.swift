/// Lays page-aligned regions one after another, with no gap between them.
struct MemoryRegionBuilder<Address: GuestAddress> {
    /// Where the next region starts.
    private(set) var next: Address
    /// No region may reach beyond this.
    let limit: Address
    private(set) var regions: [MemoryRegion<Address>] = []

    init(start: Address, limit: Address) {
        next = start
        self.limit = limit
    }

    /// Adds a region behind the last one and returns it.
    /// - Throws: `MemoryRegionError` if it is empty, not whole pages, or does not fit below `limit`; nothing is
    ///   added then.
    @discardableResult
    mutating func push(
        byteCount: Int, host: UnsafeMutableRawBufferPointer? = nil, access: MemoryAccess, label: MemoryRegionLabel
    ) throws(MemoryRegionError) -> MemoryRegion<Address> {
        guard byteCount > 0 else { throw .empty(address: next.rawValue) }
        guard byteCount.isPageAligned else { throw .unaligned(address: next.rawValue, byteCount: byteCount) }
        let (end, overflow) = next.rawValue.addingReportingOverflow(UInt64(byteCount))
        guard !overflow, end <= limit.rawValue else {
            throw .overflow(address: next.rawValue, byteCount: byteCount, limit: limit.rawValue)
        }
        let region = try MemoryRegion(
            guest: next..<Address(rawValue: end), host: host, access: access, label: label)
        regions.append(region)
        next = region.guest.upperBound
        return region
    }

    /// Leaves `byteCount` bytes to a guest-only region nothing may touch.
    mutating func pushGuard(byteCount: Int = pageByteCount) throws(MemoryRegionError) {
        try push(byteCount: byteCount, access: [], label: .guardPages)
    }
}
