import CPalimpsest

/// A range of guest memory, what it is, and what the guest may do with it.
///
/// Two kinds: *host and guest* (the host has the bytes mapped at `host`) and *guest only* (`host` is nil: guard
/// pages, address ranges that are only reserved). `Address` says which address space the range is in; only
/// physical ranges become KVM memory slots.
package struct MemoryRegion<Address: GuestAddress>: @unchecked Sendable {
    package let guest: Range<Address>
    /// The same bytes in the host's address space, as many as `guest` has; nil for guest-only regions.
    package let host: UnsafeMutableRawBufferPointer?
    package let access: MemoryAccess
    package let label: MemoryRegionLabel

    /// - Throws: `MemoryRegionError` if an end is not page-aligned or the host range has another size.
    package init(
        guest: Range<Address>, host: UnsafeMutableRawBufferPointer?, access: MemoryAccess, label: MemoryRegionLabel
    ) throws(MemoryRegionError) {
        guard guest.lowerBound.isPageAligned, guest.upperBound.isPageAligned else {
            throw .unaligned(address: guest.lowerBound.rawValue, byteCount: guest.upperBound - guest.lowerBound)
        }
        let byteCount = guest.upperBound - guest.lowerBound
        if let host, host.count != byteCount {
            throw .hostSizeMismatch(guestByteCount: byteCount, hostByteCount: host.count)
        }
        self.guest = guest
        self.host = host
        self.access = access
        self.label = label
    }

    package var byteCount: Int { guest.upperBound - guest.lowerBound }
    package func contains(_ address: Address) -> Bool { guest.contains(address) }
}

extension MemoryRegion where Address == GuestPhysicalAddress {
    /// The region as KVM takes it (KVM API 4.35): `KVM_MEM_READONLY` exactly when the guest may not write.
    /// Nil for a guest-only region, which has no memory to give.
    var memorySlot: kvm_userspace_memory_region? {
        guard let host, let base = host.baseAddress else { return nil }
        return kvm_userspace_memory_region(
            slot: 0, flags: access.contains(.write) ? 0 : UInt32(KVM_MEM_READONLY),
            guest_phys_addr: guest.lowerBound.rawValue, memory_size: UInt64(byteCount),
            userspace_addr: UInt64(UInt(bitPattern: base)))
    }
}

extension MemoryRegion: CustomStringConvertible {
    package var description: String { "\(guest.lowerBound)-\(guest.upperBound) \(access) \(label)" }
}
