/// A sandbox's own copy of the entry page, for a debugger's breakpoints.
struct EntryCodeCopy {
    let frame: GuestPhysicalAddress
    /// What is mapped there otherwise: the read-only page that all sandboxes share.
    let sealed: PageTableEntry
}
