/// Notices what every rollback carries though nobody uses it any more, and says when dropping it pays: pages that are
/// restored though no call writes them, and page tables that are scanned though no listed page is in them.
///
/// Dirty bits are never cleared, so a page written once is copied by every rollback after. Now and then, often at
/// first, a rollback looks which pages were clean anyway. What carrying them has cost is added up; once it exceeds what
/// it costs to start from the snapshot's page tables again, that is done (the ski-rental rule).
final class IdlePages {
    /// Looks in a row that must find a page clean before it counts as idle.
    static let rounds = 2
    /// Looks come after 1, 2, 4, ... rollbacks, and from here on after as many each.
    private static let interval = 64
    /// What `replace` costs, in copied pages (0.08 us): some 400 us; 1.6 us for each page there is, to be wiped and
    /// allocated again; and 5 us for each that stays in use. Scanning a table costs about a page.
    private static let replacePageCopies = 5_000
    private static let replacePageCopiesPerPage = 20
    private static let replacePageCopiesPerActivePage = 60

    private var count = 0
    private var lastLook = 0
    private var wastedPageCopies = 0

    /// Whether the next rollback is one that looks.
    var isLookDue: Bool {
        let next = count + 1
        return next & (IdlePages.interval - 1) == 0 || next < IdlePages.interval && next & (next - 1) == 0
    }

    /// To be called for every rollback that does not ask `shouldBeShed`.
    func noteRollback() { count += 1 }

    /// To be asked once before every rollback.
    func shouldBeShed(_ memory: AddressSpace) -> Bool {
        let isLookDue = isLookDue
        count += 1
        guard isLookDue else { return false }
        let idlePages = memory.tracked.inspect(memory.image, rounds: IdlePages.rounds)
        let idle = idlePages + memory.idleTableCount
        wastedPageCopies = idle == 0 ? 0 : wastedPageCopies + idle * (count - lastLook)
        lastLook = count
        let pageCount = memory.tracked.pageCount
        let price =
            IdlePages.replacePageCopies + pageCount * IdlePages.replacePageCopiesPerPage
            + (pageCount - idlePages) * IdlePages.replacePageCopiesPerActivePage
        return wastedPageCopies > price
    }
}
