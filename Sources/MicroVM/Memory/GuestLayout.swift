import CPalimpsest

/// Where everything is, in both of a guest's address spaces. The same for all sandboxes.
///
/// Guest-physical (within 64 GiB: some processors have only 36 bits of it):
///
///     0        trusted layer: entry code, exception stubs, descriptor tables      read-only slot
///     2 MiB    snapshot layers, each 2 MiB aligned                                read-only slots
///     32 GiB   scratch                                                            writable slot
///     48 GiB   mapped files
///     64 GiB   end
///
/// Guest-virtual: see `palimpsest_abi.h`; and in the supervisor half, out of reach of ring 3:
///
///     0xffff_8000_0000_0000  (nothing)
///                   + 4 KiB  exception stubs
///                   + 8 KiB  GDT, TSS, IDT
///                  + 16 KiB  exception stack
package enum GuestLayout {
    static let trustedPhysical = GuestPhysicalAddress(rawValue: 0)
    package static let layersPhysical = GuestPhysicalAddress(rawValue: 2 << 20)
    static let layerAlignment = 2 << 20
    package static let scratchPhysical = GuestPhysicalAddress(rawValue: 32 << 30)
    package static let filesPhysical = GuestPhysicalAddress(rawValue: 48 << 30)
    package static let filesLimit = GuestPhysicalAddress(rawValue: 64 << 30)
    /// Guest-physical address bits the map above needs.
    package static let physicalAddressBits = 36

    package static let imageStart = GuestVirtualAddress(rawValue: UInt64(PAL_IMAGE_START))
    package static let imageEnd = GuestVirtualAddress(rawValue: UInt64(PAL_IMAGE_END))
    package static let entry = GuestVirtualAddress(rawValue: UInt64(PAL_ENTRY_ADDRESS))
    package static let batchEntry = entry + pal_batch_entry_offset()
    package static let residentEntry = entry + pal_resident_entry_offset()
    static let keyProbe = entry + pal_key_probe_offset()
    /// The entry code's reset: it runs before the guest's own code in a call. A guest that jumps there later can make
    /// it fault.
    static let entryReset = entry + pal_entry_reset_offset()..<entry + pal_entry_reset_end_offset()
    package static let constants = GuestVirtualAddress(rawValue: UInt64(PAL_CONSTANTS_ADDRESS))
    package static let mailbox = GuestVirtualAddress(rawValue: UInt64(PAL_MAILBOX_ADDRESS))
    /// The end of the half that ring 3 may see.
    package static let userEnd = GuestVirtualAddress(rawValue: 1 << 47)
    package static let stackTop = GuestVirtualAddress(rawValue: UInt64(PAL_STACK_TOP))
    package static let heap = GuestVirtualAddress(rawValue: UInt64(PAL_HEAP_ADDRESS))

    private static let supervisor = GuestVirtualAddress(rawValue: 0xffff_8000_0000_0000)
    static let stubs = supervisor + pageByteCount
    static let descriptorTables = supervisor + 2 * pageByteCount
    static let exceptionStack = supervisor + 4 * pageByteCount
    static let exceptionStackTop = exceptionStack + pageByteCount

    // Pages of the trusted layer.
    static let trustedEntryPage = 0
    static let trustedStubsPage = 1
    static let trustedTablesPage = 2
    static let trustedPageCount = 3

    // Memory slots.
    static let trustedSlot: UInt32 = 0
    package static let scratchSlot: UInt32 = 1
    static let firstLayerSlot: UInt32 = 2
}
