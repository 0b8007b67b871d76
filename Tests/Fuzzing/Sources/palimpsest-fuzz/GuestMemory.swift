@testable import MicroVM
@testable import Palimpsest

/// All memory that a guest can read, region by region, as the host sees it, of large regions the beginning. The
/// constants page is left out: it has a new generation's entropy after every restore.
struct GuestMemory {
    /// A file may ask for a gigabyte of zeros.
    private static let regionLimit = 4 << 20

    private var regions: [String: [UInt8]] = [:]

    /// - Throws: if a region is not there.
    init(of sandbox: Sandbox) throws {
        for region in sandbox.machine.memory.image.regions.mappings.map(\.region)
        where region.access.contains(.read) && region.label != .constants {
            let byteCount = min(region.byteCount, GuestMemory.regionLimit)
            let span = GuestSpan(address: region.guest.lowerBound.rawValue, byteCount: UInt64(byteCount))
            regions["\(region)"] = try sandbox.machine.memory.bytes(span)
        }
    }

    /// The first region that is not the same.
    func difference(from other: GuestMemory) -> String? {
        regions.keys.sorted().first { regions[$0] != other.regions[$0] }
    }
}
