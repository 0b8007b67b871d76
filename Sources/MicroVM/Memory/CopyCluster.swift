/// How many neighbours to copy with a page that trapped: one exit costs what some hundred copies do.
///
/// A lone write takes its aligned group of 4 pages along. Writes that go on where the last cluster ended double it, up
/// to 64: a guest that fills an array traps a few times, not once a page.
struct CopyCluster {
    static let minimum = 4
    static let maximum = 64

    private var pageCount = CopyCluster.minimum
    private var end = GuestVirtualAddress(rawValue: 0)

    mutating func neighbours(
        of page: GuestVirtualAddress, in region: Range<GuestVirtualAddress>
    ) -> [GuestVirtualAddress] {
        let isSequential = page == end
        pageCount = isSequential ? min(pageCount * 2, CopyCluster.maximum) : CopyCluster.minimum
        let mask = ~UInt64(CopyCluster.minimum * pageByteCount - 1)
        let start = isSequential ? page : GuestVirtualAddress(rawValue: page.rawValue & mask)
        let pages = (start..<start + pageCount * pageByteCount).clamped(to: region)
        end = pages.upperBound
        return stride(from: 0, to: pages.upperBound - pages.lowerBound, by: pageByteCount).map { pages.lowerBound + $0 }
    }
}
