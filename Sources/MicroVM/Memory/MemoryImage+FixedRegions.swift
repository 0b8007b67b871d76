/// The regions that every guest has, whatever its image.
extension MemoryImage {
    /// 64 KiB on both sides of the stack: a frame larger than that can jump it, as on any stack without probes.
    private static let stackGuardByteCount = 64 << 10

    /// A function of the sizes alone.
    package static func fixedRegions(_ layout: ScratchLayout) throws -> [RegionMap.Mapping] {
        let sizes = layout.sizes
        var low = MemoryRegionBuilder(start: GuestLayout.entry, limit: GuestLayout.mailbox)
        let entry = try low.push(byteCount: pageByteCount, access: [.read, .execute], label: .entry)
        let constants = try low.push(byteCount: pageByteCount, access: .read, label: .constants)

        let stackStart = GuestLayout.stackTop + -sizes.stack
        var stack = MemoryRegionBuilder(start: stackStart + -stackGuardByteCount, limit: GuestLayout.heap)
        try stack.pushGuard(byteCount: stackGuardByteCount)
        try stack.push(byteCount: sizes.stack, access: [.read, .write], label: .stack)
        try stack.pushGuard(byteCount: stackGuardByteCount)

        func zeroFilled(
            _ start: GuestVirtualAddress, _ byteCount: Int, _ label: MemoryRegionLabel
        ) throws -> MemoryRegion<GuestVirtualAddress> {
            try MemoryRegion(guest: start..<start + byteCount, host: nil, access: [.read, .write], label: label)
        }
        let entryFrame = GuestLayout.trustedPhysical + GuestLayout.trustedEntryPage * pageByteCount
        return [
            .init(region: entry, backing: .fixed(entryFrame)),
            .init(region: constants, backing: .fixed(layout.constants)),
            .init(
                region: try zeroFilled(GuestLayout.mailbox, sizes.mailbox, .mailbox), backing: .shared(layout.mailbox)),
            .init(region: try zeroFilled(GuestLayout.heap, sizes.heap, .heap), backing: .home(layout.heap)),
        ] + stack.regions.map { .init(region: $0, backing: $0.label == .stack ? .home(layout.stack) : .none) }
    }
}
