/// One entry of a 4-level page table (Intel SDM vol. 3, 4.5; AMD APM vol. 2, 5.4).
package struct PageTableEntry: RawRepresentable, Equatable {
    package let rawValue: UInt64

    package static let present: UInt64 = 1 << 0
    package static let writable: UInt64 = 1 << 1
    static let user: UInt64 = 1 << 2
    /// Set from the start, so that no walk has to write it.
    static let accessed: UInt64 = 1 << 5
    /// Set by the processor, or by KVM for it, at the first write through this entry.
    static let dirty: UInt64 = 1 << 6
    /// Ours (bits 9 to 11 are the software's): read-only because the page is still the snapshot's; the first
    /// write copies it.
    package static let copyOnWrite: UInt64 = 1 << 9
    /// Ours: the page is on the list of pages that every rollback restores.
    static let listed: UInt64 = 1 << 10
    /// Ours, in an entry that points to a leaf table: the table is tracked.
    static let trackedTable: UInt64 = 1 << 9
    static let noExecute: UInt64 = 1 << 63
    private static let frameMask: UInt64 = 0x000f_ffff_ffff_f000

    package static let absent = PageTableEntry(rawValue: 0)

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// A leaf. Writable pages start with D = 0: they are the tracked ones.
    package init(frame: GuestPhysicalAddress, access: MemoryAccess, isUser: Bool, copyOnWrite: Bool = false) {
        var value = frame.rawValue | PageTableEntry.present | PageTableEntry.accessed
        if isUser { value |= PageTableEntry.user }
        if copyOnWrite {
            value |= PageTableEntry.copyOnWrite
        } else if access.contains(.write) {
            value |= PageTableEntry.writable
        }
        if !access.contains(.execute) { value |= PageTableEntry.noExecute }
        rawValue = value
    }

    /// A pointer to the next level: permissive, the leaf decides.
    package init(table: GuestPhysicalAddress, isUser: Bool) {
        rawValue =
            table.rawValue | PageTableEntry.present | PageTableEntry.writable | PageTableEntry.accessed
            | (isUser ? PageTableEntry.user : 0)
    }

    /// Complete but for its present bit: the first touch of the page is to be noticed.
    var isWithheld: Bool { !isPresent && rawValue != 0 }
    var withheld: PageTableEntry { PageTableEntry(rawValue: rawValue & ~PageTableEntry.present) }
    var revealed: PageTableEntry { PageTableEntry(rawValue: rawValue | PageTableEntry.present) }
    package var isPresent: Bool { rawValue & PageTableEntry.present != 0 }
    package var isWritable: Bool { rawValue & PageTableEntry.writable != 0 }
    package var isUser: Bool { rawValue & PageTableEntry.user != 0 }
    var isDirty: Bool { rawValue & PageTableEntry.dirty != 0 }
    var isListed: Bool { rawValue & PageTableEntry.listed != 0 }
    package var isCopyOnWrite: Bool { rawValue & PageTableEntry.copyOnWrite != 0 }
    package var isExecutable: Bool { rawValue & PageTableEntry.noExecute == 0 }
    package var frame: GuestPhysicalAddress { GuestPhysicalAddress(rawValue: rawValue & PageTableEntry.frameMask) }
}
