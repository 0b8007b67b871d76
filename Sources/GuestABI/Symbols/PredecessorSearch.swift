import MicroVM

/// For each of some addresses, the last of many things that is at it or below it: found while the things go by, in any
/// order. There may be a million of them; none is kept but the best so far.
///
///     things       x   x   x     x      x  x
///     addresses          0     1   2           3
///
/// A thing competes only with those between the same two addresses. An address without one has, in the end, what the
/// address before it has.
struct PredecessorSearch<Thing> {
    /// In order, each once.
    let addresses: [GuestVirtualAddress]
    private var best: [(place: GuestVirtualAddress, thing: Thing)?]

    init(_ addresses: some Sequence<GuestVirtualAddress>) {
        self.addresses = Set(addresses).sorted()
        best = Array(repeating: nil, count: self.addresses.count)
    }

    /// The first address that is not below `place`; their number if all are.
    func firstIndex(notBelow place: GuestVirtualAddress) -> Int {
        addresses.endIndex(ofPrefixWhere: { $0 < place })
    }

    /// Of two things in the same place, the later one counts.
    mutating func add(_ thing: Thing, at place: GuestVirtualAddress) {
        let index = firstIndex(notBelow: place)
        guard index < best.count else { return }
        if let other = best[index], place < other.place { return }
        best[index] = (place, thing)
    }

    /// Adds what another search for the same addresses has found, in another form.
    mutating func add<Other>(_ other: PredecessorSearch<Other>, as form: (Other) -> Thing) {
        for case (let place, let thing)? in other.best { add(form(thing), at: place) }
    }

    /// What was found for each of the addresses.
    var results: [(place: GuestVirtualAddress, thing: Thing)?] {
        var last: (place: GuestVirtualAddress, thing: Thing)?
        return best.map { found in
            last = found ?? last
            return last
        }
    }
}
