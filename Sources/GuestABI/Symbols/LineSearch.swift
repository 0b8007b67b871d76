import MicroVM

/// Which rows of line tables stand for given addresses: found while the tables' programs run. There may be a million
/// rows in as many sequences; what is kept is, of each sequence, the rows that addresses have led to, and of the
/// sequences those that addresses are in.
struct LineSearch {
    /// Of the machine that runs a line table's program (DWARF 5, 6.2.2).
    struct Row {
        let address: GuestVirtualAddress
        let line: Untrusted<UInt32>
        /// Index of the unit's files; nil if there is none of that number.
        let file: Int?
    }

    /// A line, and its file's name.
    struct Place {
        let line: Untrusted<UInt32>
        let file: LineTable.File?
    }

    /// A row that some of the wanted addresses have led to: those in front of `endIndex` that no earlier one has.
    private struct Hit {
        let endIndex: Int
        let place: Place
    }

    /// Rows of contiguous code, up to `end`.
    private struct Sequence {
        let end: GuestVirtualAddress
        let hits: [Hit]
    }

    /// Sequences by where they begin.
    private var sequences: PredecessorSearch<Sequence>
    /// Rows of complete sequences: they have a limit.
    private var rowCount = 0

    /// Of the unit whose program runs.
    var files: [LineTable.File] = []

    // Of the sequence that is going on.
    private var start: GuestVirtualAddress?
    private var last: Row?
    private var rowsOfSequence = 0
    private var hits: [Hit] = []
    /// The first address that has not led to a row of the sequence yet.
    private var nextIndex = 0

    init(_ addresses: some Collection<GuestVirtualAddress>) { sequences = PredecessorSearch(addresses) }

    /// No row will be looked at any more.
    var isFull: Bool { rowCount == LineTable.maximumRowCount }

    /// Line 0 is code that no line stands for. Swift has its traps there, right behind a row at the same address with
    /// the line whose check it was: that one is kept.
    mutating func add(_ row: Row) {
        if let last {
            guard row.address >= last.address, row.line != last.line || row.file != last.file else { return }
            if row.address == last.address {
                if row.line > 0 { self.last = row }
                return
            }
        }
        guard rowsOfSequence < LineTable.maximumRowCount - rowCount else { return }
        if let last { hit(last, until: row.address) } else { begin(at: row.address) }
        last = row
        rowsOfSequence += 1
    }

    /// A sequence outside the image is of a function that the linker has left out: it puts them at 0.
    private mutating func begin(at address: GuestVirtualAddress) {
        start = address
        nextIndex = sequences.addresses.endIndex
        if address >= GuestLayout.imageStart { nextIndex = sequences.firstIndex(notBelow: address) }
    }

    /// Addresses below `end` lead to `row`.
    private mutating func hit(_ row: Row, until end: GuestVirtualAddress) {
        guard nextIndex < sequences.addresses.endIndex, sequences.addresses[nextIndex] < end else { return }
        nextIndex = sequences.firstIndex(notBelow: end)
        hits.append(Hit(endIndex: nextIndex, place: Place(line: row.line, file: row.file.map { files[$0] })))
    }

    mutating func endSequence(at end: GuestVirtualAddress) {
        defer { dropSequence() }
        guard let start, let last, start >= GuestLayout.imageStart, end > start, end <= GuestLayout.imageEnd else {
            return
        }
        hit(last, until: end)
        rowCount += rowsOfSequence
        sequences.add(Sequence(end: end, hits: hits), at: start)
    }

    /// Forgets the sequence that is going on.
    mutating func dropSequence() {
        start = nil
        last = nil
        rowsOfSequence = 0
        hits = []
    }

    /// What was found, by address: what the last sequence that begins at or below it says, if it reaches as far.
    var places: [GuestVirtualAddress: Place] {
        var places: [GuestVirtualAddress: Place] = [:]
        for (index, result) in sequences.results.enumerated() {
            let address = sequences.addresses[index]
            guard let sequence = result?.thing, address < sequence.end else { continue }
            places[address] = sequence.hits.first { index < $0.endIndex }?.place
        }
        return places
    }
}
