/// The regions of a guest's virtual memory and what backs each. Immutable; shared by the snapshots of a guest.
///
/// A region is backed in one of these ways, which decides what a fault in it means:
///
///     fixed   the engine's own frames, mapped from the start for reading: entry code, constants
///     shared  scratch that the host writes as well, mapped writable from the start: the mailbox
///     home    zero-filled memory with a place of its own in scratch; mapped writable a page table's worth at a
///             time, at first touch. Pages a snapshot holds bytes of are copied there at the first write
///     pool    pages of a layer; if the guest may write, the first write copies the page to a frame of the pool
///     none    guard pages: always a fault
package final class RegionMap: Sendable {
    package enum Backing: Sendable, Equatable {
        case fixed(GuestPhysicalAddress)
        case shared(GuestPhysicalAddress)
        case home(GuestPhysicalAddress)
        case pool
        case none
    }

    package struct Mapping: Sendable {
        package let region: MemoryRegion<GuestVirtualAddress>
        package let backing: Backing
        /// The file that was mapped here, if one was.
        package var file: MappedFileIdentity?

        package init(region: MemoryRegion<GuestVirtualAddress>, backing: Backing, file: MappedFileIdentity? = nil) {
            self.region = region
            self.backing = backing
            self.file = file
        }
    }

    /// Sorted by address, no two overlap.
    package let mappings: [Mapping]

    package init(_ mappings: [Mapping]) {
        self.mappings = mappings.sorted { $0.region.guest.lowerBound < $1.region.guest.lowerBound }
    }

    /// The mapping an address lies in.
    package func mapping(at address: GuestVirtualAddress) -> Mapping? {
        let index = firstMapping(endingBehind: address)
        guard index < mappings.count, mappings[index].region.contains(address) else { return nil }
        return mappings[index]
    }

    /// The first mapping that shares a page with `pages`.
    package func mapping(overlapping pages: Range<GuestVirtualAddress>) -> Mapping? {
        let index = firstMapping(endingBehind: pages.lowerBound)
        guard index < mappings.count, mappings[index].region.guest.overlaps(pages) else { return nil }
        return mappings[index]
    }

    private func firstMapping(endingBehind address: GuestVirtualAddress) -> Int {
        mappings.endIndex(ofPrefixWhere: { $0.region.guest.upperBound <= address })
    }
}
