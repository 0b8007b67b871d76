import CPalimpsest
import MicroVM

/// Calls of a batch that lie in the mailbox, and how many of them are over: what the host itself knows.
///
/// The guest can write to all of the mailbox while it runs, so once it has, the host relies on nothing that lies there.
/// What the entry code reads, it reads in ring 3 and with the guest's rights, and a guest that has changed it gets no
/// further than by a jump or a store of its own:
///
///     next, end, space, space_end   written anew whenever the entry code is entered, from here
///     function, context             of a call to come: another function of the guest's runs
///     arguments, stack_count        it has other ones; too many words reach the stack's guard pages, which is a fault
///     flags                         its result is not copied aside, and a later call may change it
///
/// What the host reads afterwards is the results, which are checked as every call's are, and `next`: see `index(at:)`.
struct BatchEntry {
    let count: Int
    /// Where results that are strings or arrays are copied to. The host has taken those that lie there by the time it
    /// enters the guest again, so it is all free again then.
    private let space: Range<GuestVirtualAddress>
    /// Calls that are over, well or not: those behind them are still to be made.
    private(set) var doneCount = 0

    private static let start = GuestLayout.mailbox + Int(PAL_MAILBOX_DATA_OFFSET)

    /// - Parameters:
    ///   - argumentByteCount: bytes of the data area that the calls and their arguments take.
    ///   - spaceByteCount: bytes behind them for results.
    init(count: Int, argumentByteCount: Int, spaceByteCount: Int) {
        self.count = count
        let first = BatchEntry.start + argumentByteCount
        space = first..<first + spaceByteCount
    }

    /// What the entry code is to do: the calls that are left.
    var remaining: pal_batch {
        pal_batch(
            next: BatchEntry.address(of: doneCount).rawValue, end: BatchEntry.address(of: count).rawValue,
            space: space.lowerBound.rawValue, space_end: space.upperBound.rawValue)
    }

    /// Which call lies at an address that the guest had every chance to write: one that is not over; `count` if it is
    /// the end of the last one; nil if it is neither.
    func index(at address: UInt64) -> Int? {
        let address = GuestVirtualAddress(rawValue: address)
        guard (BatchEntry.address(of: doneCount)...BatchEntry.address(of: count)).contains(address) else { return nil }
        let (index, rest) = (address - BatchEntry.start).quotientAndRemainder(dividingBy: Int(PAL_BATCH_CALL_BYTES))
        return rest == 0 ? index : nil
    }

    /// The calls in front of `index` are over.
    mutating func advance(to index: Int) { doneCount = index }

    private static func address(of index: Int) -> GuestVirtualAddress { start + index * Int(PAL_BATCH_CALL_BYTES) }
}
