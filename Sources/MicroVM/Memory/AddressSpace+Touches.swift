/// Which snapshot pages a guest touches, and in which order: every page of a layer is withheld until its first touch,
/// which traps. Costs a trap a page, and is exact on every kind of KVM.
extension AddressSpace {
    /// Begins to record. Only before the guest first runs: translations it has used could not be taken back.
    package func recordTouches() {
        touches = []
        tables.forEachUserLeaf { entry in
            let leaf = PageTableEntry(rawValue: entry.pointee)
            guard !scratch.contains(leaf.frame), leaf.frame >= GuestLayout.layersPhysical else { return }
            entry.pointee = leaf.withheld.rawValue
        }
    }

    /// The entry of a page that was touched; if it was withheld, it is no more.
    func reveal(_ page: GuestVirtualAddress) -> PageTableEntry {
        guard let entry = tables.leaf(page) else { return .absent }
        let leaf = PageTableEntry(rawValue: entry.pointee)
        guard leaf.isWithheld else { return leaf }
        touches?.append(page)
        entry.pointee = leaf.revealed.rawValue
        return leaf.revealed
    }
}
