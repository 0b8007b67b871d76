/// Notices pages that are restored every time though nobody writes them any more, and says when dropping them pays.
///
/// Dirty bits are never cleared, so a page written once is copied by every rollback after. Every 64th rollback looks
/// which pages were clean anyway. What copying them has cost since is added up; once it exceeds what it costs to start
/// from the snapshot's page tables again, that is done (the ski-rental rule: never more than twice the best).
struct IdlePages {
    /// Looks in a row that must find a page clean before it counts as idle.
    static let rounds = 2
    private static let interval = 64
    /// What `replace` costs, in copied pages: some 400 us at 0.08 us a page, and 5 us for each page that stays in use.
    private static let replacePageCopies = 5_000
    private static let replacePageCopiesPerActivePage = 60

    private var count = 0
    private var wastedPageCopies = 0

    /// To be asked once before every rollback.
    mutating func shouldBeShed(_ memory: AddressSpace) -> Bool {
        count += 1
        guard count.isMultiple(of: IdlePages.interval) else { return false }
        let idle = memory.tracked.inspect(memory.image, rounds: IdlePages.rounds)
        guard idle > 0 else {
            wastedPageCopies = 0
            return false
        }
        wastedPageCopies += idle * IdlePages.interval
        let active = memory.tracked.pageCount - idle
        let price = IdlePages.replacePageCopies + active * IdlePages.replacePageCopiesPerActivePage
        guard wastedPageCopies > price else { return false }
        wastedPageCopies = 0
        return true
    }
}
