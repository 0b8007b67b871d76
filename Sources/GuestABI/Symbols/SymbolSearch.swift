import MicroVM

/// For each of some addresses, the symbol that names it: found while the symbols go by, in any order. There may be a
/// million of them, and a trace asks for thousands of addresses at a time.
///
///     sized    |-- outer -----------|    |-- f --|
///     labels        inner                         done            next      end of the section
///     address             1           2     3      4      5         6
///
/// A symbol with a size names what it covers, and the innermost one counts: 1 is in `outer`, 3 in `f`. What none covers
/// is named by the label before it, up to the end of the label's section: 4 and 5 are behind `done`, 6 behind `next`. A
/// label names nothing if there is anything with a size at it or between it and the address, so 2 has no name. gdb goes
/// by the same rules (`lookup_minimal_symbol_by_pc_section`) but for 2, which it names by `inner`.
struct SymbolSearch<Thing> {
    /// What a symbol says of itself.
    struct Entry {
        let start: GuestVirtualAddress
        /// 0 for a label.
        let byteCount: Untrusted<UInt64>
        /// Of a label, the bytes that it may name.
        let room: Untrusted<UInt64>
        let thing: Thing
    }

    /// In order, each once.
    let addresses: [GuestVirtualAddress]
    /// A segment tree over the addresses: node `n` is about those of its children, `2n` and `2n + 1`; the leaves are
    /// the upper half. An address is covered by what is at its leaf and above it.
    private var covering: [Entry?]
    private var labels: PredecessorSearch<Entry>
    /// The last byte of whatever has a size and begins between the address before and this one.
    private var lastBytes: [GuestVirtualAddress?]

    init(_ addresses: some Sequence<GuestVirtualAddress>) {
        labels = PredecessorSearch(addresses)
        self.addresses = labels.addresses
        covering = Array(repeating: nil, count: 2 * labels.addresses.count)
        lastBytes = Array(repeating: nil, count: labels.addresses.count)
    }

    /// Of two that are as good, the later one counts.
    mutating func add(_ entry: Entry) {
        if entry.byteCount == 0 {
            labels.add(entry, at: entry.start)
        } else {
            addSized(entry)
        }
    }

    /// Adds what another search for the same addresses has found, in another form.
    mutating func add<Other>(_ other: SymbolSearch<Other>, as form: (Other) -> Thing) {
        func entry(_ other: SymbolSearch<Other>.Entry) -> Entry {
            Entry(start: other.start, byteCount: other.byteCount, room: other.room, thing: form(other.thing))
        }
        for case (let node, let found?) in other.covering.enumerated() { cover(node, entry(found)) }
        for case (let index, let last?) in other.lastBytes.enumerated() { extend(index, last) }
        labels.add(other.labels, as: entry)
    }

    private mutating func addSized(_ entry: Entry) {
        let last = entry.start.last(of: entry.byteCount)
        var low = labels.firstIndex(notBelow: entry.start)
        guard low < addresses.count else { return }
        extend(low, last)
        var high = last.rawValue == .max ? addresses.count : labels.firstIndex(notBelow: last + 1)
        // The nodes that make up the addresses from `low` on and below `high`.
        (low, high) = (low + addresses.count, high + addresses.count)
        while low < high {
            if low & 1 == 1 {
                cover(low, entry)
                low += 1
            }
            if high & 1 == 1 {
                high -= 1
                cover(high, entry)
            }
            (low, high) = (low / 2, high / 2)
        }
    }

    private mutating func cover(_ node: Int, _ entry: Entry) {
        if let other = covering[node], !SymbolSearch.isInner(entry, than: other) { return }
        covering[node] = entry
    }

    private mutating func extend(_ index: Int, _ last: GuestVirtualAddress) {
        lastBytes[index] = max(lastBytes[index] ?? last, last)
    }

    private static func isInner(_ entry: Entry, than other: Entry) -> Bool {
        entry.start != other.start ? entry.start > other.start : entry.byteCount <= other.byteCount
    }

    /// What was found for each of the addresses.
    var results: [(start: GuestVirtualAddress, thing: Thing)?] {
        var lastByte: GuestVirtualAddress?
        return zip(addresses.indices, labels.results).map { index, label in
            lastByte = [lastByte, lastBytes[index]].compactMap(\.self).max()
            if let found = innermost(at: index) { return (found.start, found.thing) }
            guard let found = label?.thing, addresses[index].distance(above: found.start) < found.room,
                lastByte.map({ $0 < found.start }) ?? true
            else { return nil }
            return (found.start, found.thing)
        }
    }

    private func innermost(at index: Int) -> Entry? {
        var best: Entry?
        var node = index + addresses.count
        while node > 0 {
            if let found = covering[node], best.map({ SymbolSearch.isInner(found, than: $0) }) ?? true { best = found }
            node /= 2
        }
        return best
    }
}

extension GuestVirtualAddress {
    /// The last of so many bytes from here on; the last there is if they reach beyond. Of no bytes, this address.
    package func last(of byteCount: Untrusted<UInt64>) -> GuestVirtualAddress {
        let last = Untrusted(rawValue).adding(byteCount == 0 ? byteCount : byteCount &- Untrusted(1))
        return GuestVirtualAddress(rawValue: last?.uncheckedValue ?? .max)
    }
}
