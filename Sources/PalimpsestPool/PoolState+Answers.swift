/// Answers that go back together.
///
/// An answer wakes a thread of Swift's. That takes as long as a short call's own work in the host, and takes a
/// processor away from a guest, which has to leave its virtual machine. So while short calls wait, twice as many as
/// there are threads, answers are held until there are some, and one wake brings them all back: that of the carrier, a
/// task that answers them from one of Swift's threads. What holds them is bounded three ways: in number, in time, and
/// by the work that there is.
extension PoolState {
    /// What is to be done about answers.
    enum Answers {
        /// The call's own, at once.
        case own
        /// Nothing yet. The keeper may have to be woken, for the case that nobody else comes by in time.
        case held(wakesKeeper: Bool)
        /// These, at once.
        case several([PoolCall])
        /// A carrier is to be sent for them (`takeCarried`).
        case carrier
    }

    /// What becomes of a call that has come back.
    enum Ending {
        case outcome(Answers)
        /// It was stopped by someone: this is its answer.
        case refusal(SandboxPoolError)
        /// It was answered while it ran (`PoolState+Late.swift`), and what it brings is dropped.
        case late
    }

    /// How long an answer is held while threads come by: 250 us, in nanoseconds.
    static let answerAge: UInt64 = 250_000

    /// How long if none does, because what looked like a short call is none, or because the carrier does not get a
    /// thread of Swift's; and how often the keeper looks: 2 ms.
    static let answerPatience: UInt64 = 2_000_000

    /// A call has its outcome.
    mutating func answer(_ call: PoolCall, now: UInt64) -> Answers {
        guard limits.answerGroupSize > 1, phase == .open, !call.isFromPool, call.lane?.returnsSoon == true,
            now < (carrierTime ?? now) + PoolState.answerPatience
        else { return .own }
        if answers.isEmpty { answersTime = now }
        answers.append(call)
        if let released = releaseAnswers(now: now) { return released }
        hadAnswers = true
        return .held(wakesKeeper: keeperIsLate(for: answersTime + PoolState.answerPatience))
    }

    /// What to do about answers that are to be held no longer; nil if there are none.
    mutating func releaseAnswers(now: UInt64) -> Answers? {
        guard !answers.isEmpty, !canHold(now: now) else { return nil }
        if answers.count == 1 || phase != .open { return .several(takeAnswers()) }
        guard carrierTime == nil else { return nil }
        carrierTime = now
        return .carrier
    }

    /// As long as threads have enough to do without those who wait for the answers, and all of it is short.
    private func canHold(now: UInt64) -> Bool {
        phase == .open && answers.count < limits.answerGroupSize
            && waitingCount >= max(answers.count, 2 * limits.threadCount) && turns.first.map(beginsShort) == true
            && now < answersTime + PoolState.answerAge
    }

    /// Calls that wait for a thread of their lane's, or for their snapshot, give nobody anything to do.
    private func beginsShort(_ lane: SnapshotLane) -> Bool {
        lane.isShort && !lane.isLoading && lane.runningCount + lane.makingCount < threadLimitPerSnapshot
    }

    mutating func takeAnswers() -> [PoolCall] {
        defer { answers = [] }
        return answers
    }

    /// The carrier is there: what it is to answer. No shutdown is over before it has (`carried`).
    mutating func takeCarried() -> [PoolCall] {
        carrierTime = nil
        carryingCount += 1
        return takeAnswers()
    }

    mutating func carried() { carryingCount -= 1 }

    mutating func takeOverdueAnswers(now: UInt64) -> [PoolCall] {
        now >= answersTime + PoolState.answerPatience || phase != .open ? takeAnswers() : []
    }
}
