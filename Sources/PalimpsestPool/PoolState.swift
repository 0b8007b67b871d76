import GuestABI
import MicroVM
import Palimpsest

/// All that is going on in a pool, and the only place where that changes: every method is one step, taken under the
/// pool's lock, which never waits for anything. What a step decides, its caller carries out without the lock.
///
///     tasks               under the lock                                  threads
///
///     call --- enqueue -> lane "a"   | c c c |   idle | s s |   <- next --  run, roll back, give back
///     call --- enqueue -> lane "b"   | c |       idle |     |               make a sandbox, load a snapshot
///     cancel -- remove -> lane "c"   |   |       idle | s |                 close a sandbox
///                            ^
///                       deadlines <---------------------- expire -------  keeper: whatever is due at a time
///
/// **Order.** A lane is one snapshot's queue, first come, first served. Lanes with calls take turns, one call each: a
/// tenant with a thousand calls waiting is as far from its next one as a tenant with one. A full queue costs the
/// lane that fills it: the newest call of the longest lane gives way.
///
/// **Threads.** Whatever takes time is a `Work` that a thread fetches by `next`; a thread that finds none parks. One
/// call wakes at most one thread. A call waits in its lane until a thread has a sandbox for it, so it can be cancelled
/// and can expire while that is being made.
///
/// **Sandboxes.** A thread that finds a call without a sandbox makes one: a new one while there is room
/// (`PoolState+Room.swift`); otherwise it closes the least recently used idle one, takes the next `Work`, and finds
/// room.
struct PoolState {
    enum Phase { case open, draining, cut, closed }

    /// What a thread is to do next.
    enum Work {
        case run(PoolCall, PooledSandbox)
        case load(SnapshotLane)
        case make(SnapshotLane, Snapshot)
        case close(PooledSandbox)
        case job(PoolJob)
        case answer(Answers)
        case refuse([PoolCall], SandboxPoolError)
        /// And wakes the keeper, where its next look would come too late.
        case park(wakesKeeper: Bool)
        case leave
    }

    let limits: SandboxPoolConfiguration
    var phase = Phase.open
    /// When a shutdown stops being patient.
    var cutOffTime = UInt64.max
    var workerCount = 0
    /// Threads without work, the one that has been so for the shortest time last.
    var parked: [PoolWorker] = []

    var lanes: [ByteName: SnapshotLane] = [:]
    /// Those with calls waiting, the next one first.
    var turns = LinkedList<SnapshotLane>()
    var waitingCount = 0
    var running = LinkedList<PoolCall>()
    /// Threads that roll a sandbox back, have it done before long, and look for work then.
    var returningCount = 0
    var jobs = JobQueue()
    /// Since the keeper last looked.
    var hadJobs = false
    var deadlines = DeadlineQueue()
    /// Calls that have ended, to be answered together.
    var answers: [PoolCall] = []
    /// When the first of them ended.
    var answersTime: UInt64 = 0
    /// When the carrier that is on its way was sent.
    var carrierTime: UInt64?
    /// Carriers that answer calls just now.
    var carryingCount = 0
    /// Some were held since the keeper last looked.
    var hadAnswers = false
    /// Calls that run and that an interrupt has missed: it is repeated until they end.
    var stopping: [PoolCall] = []

    var makingCount = 0
    /// Sandboxes that are lent, being rolled back, idle or being made.
    var sandboxCount = 0
    var idleCount = 0
    /// No idle sandbox has been so for too long before this time.
    var idleCheckTime: UInt64 = 0
    /// To be closed as soon as a thread has time.
    var doomed: [PooledSandbox] = []
    /// Whose sandboxes the lower bound is made of: the lane called last.
    var home: SnapshotLane?
    /// Lanes that a sandbox is missing from, because it was thrown away.
    var owed: [SnapshotLane] = []
    /// No more sandboxes than `ceiling` before this time: the machine had none to give.
    var growthRetryTime: UInt64 = 0
    var ceiling = 0
    var memory = PoolMemory()

    /// When the keeper looks next; what is due earlier has to wake it.
    var keeperTime: UInt64 = 0
    var statistics = SandboxPoolStatistics()

    init(_ limits: SandboxPoolConfiguration) { self.limits = limits }

    var threadLimitPerSnapshot: Int { limits.threadLimitPerSnapshot ?? limits.threadCount }

    // MARK: - Calls come

    /// What became of a call on its arrival, and what that asks of its caller.
    struct Arrival {
        /// It is answered already: with this.
        var refusal: SandboxPoolError?
        /// Another call, which has to give way.
        var pushedOut: PoolCall?
        var wakes: PoolWorker?
        var wakesKeeper = false
        /// It is the only call there is, and those of its lane are short: the answer will be there before the caller's
        /// thread could sleep and wake again.
        var isImminent = false
    }

    mutating func enqueue(_ call: PoolCall, for name: String, from bringer: Bringer) -> Arrival {
        var arrival = Arrival()
        if let refusal = refusal(of: call, for: name, &arrival) {
            call.phase = .ended
            arrival.refusal = refusal
            return arrival
        }
        guard let lane = call.lane else { return arrival }
        call.phase = .waiting
        call.isFromPool = bringer == .worker
        lane.waiting.append(call)
        waitingCount += 1
        if !lane.isInTurn {
            turns.append(lane)
            lane.isInTurn = true
        }
        deadlines.insert(call)
        arrival.isImminent =
            bringer == .stranger && waitingCount == 1 && running.count == 0
            && lane.isShort && (!lane.idle.isEmpty || returningCount > 0)
        arrival.wakes = workerForNews(from: bringer, preferring: lane.idle.last?.lastWorker)
        arrival.wakesKeeper = keeperIsLate(for: call.deadlineNanoseconds)
        return arrival
    }

    /// Why a call cannot wait; nil, and its lane is set, if it can.
    private mutating func refusal(
        of call: PoolCall, for name: String, _ arrival: inout Arrival
    ) -> SandboxPoolError? {
        guard phase == .open else { return .shutDown }
        guard call.stop == nil else { return cancelled(whileRunning: false) }
        guard call.deadlineNanoseconds > 0 else { return expired() }
        guard let lane = lane(named: name) else {
            return .unknownSnapshot(name: name, available: names)
        }
        call.lane = lane
        guard waitingCount >= limits.queueLimit + freeCount else { return nil }
        statistics.overloads += 1
        let overloaded = SandboxPoolError.overloaded(waiting: waitingCount, limit: limits.queueLimit)
        guard let longest = longestLane, longest.waiting.count > lane.waiting.count + 1,
            let newest = longest.waiting.last
        else { return overloaded }
        remove(newest)
        arrival.pushedOut = newest
        return nil
    }

    /// Most calls are for the snapshot that was called last: then nothing has to be hashed.
    private func lane(named name: String) -> SnapshotLane? {
        if let home, home.name.hasBytes(of: name) { return home }
        return lanes[ByteName(name)]
    }

    /// Calls that could begin at once if they were all there is.
    private var freeCount: Int {
        max(0, min(limits.threadCount, limits.sandboxCount.upperBound) - running.count - makingCount)
    }

    private var longestLane: SnapshotLane? {
        var longest = turns.first
        var lane = turns.first
        while let candidate = lane {
            if candidate.waiting.count > longest?.waiting.count ?? 0 { longest = candidate }
            lane = candidate.links.next
        }
        return longest
    }

    // MARK: - Calls go

    /// Takes a waiting call out of everything; whoever asked for it answers it.
    mutating func remove(_ call: PoolCall) {
        unqueue(call)
        deadlines.remove(call)
        call.phase = .ended
    }

    private mutating func unqueue(_ call: PoolCall) {
        guard let lane = call.lane else { return }
        lane.waiting.remove(call)
        waitingCount -= 1
        if lane.waiting.count == 0 {
            turns.remove(lane)
            lane.isInTurn = false
        }
    }

    /// Ends everything that waits in a lane.
    mutating func removeAll(from lane: SnapshotLane) -> [PoolCall] {
        var calls: [PoolCall] = []
        while let call = lane.waiting.first {
            remove(call)
            calls.append(call)
        }
        return calls
    }

    /// Its task does not want it any more.
    /// - Returns: whether it is to be refused (it was waiting), and whether the keeper has to be woken (it was
    ///   running).
    mutating func cancel(_ call: PoolCall, now: UInt64) -> (isRefused: Bool, wakesKeeper: Bool) {
        switch call.phase {
        case .new: call.stop = .cancelled
        case .waiting:
            remove(call)
            statistics.cancellations += 1
            return (true, false)
        case .running where call.stop == nil: return (false, stop(call, .cancelled, now: now))
        case .running, .late, .ended: break
        }
        return (false, false)
    }

    /// - Returns: whether the keeper has to be woken.
    mutating func stop(_ call: PoolCall, _ reason: PoolCall.Stop, now: UInt64) -> Bool {
        expectReturn(of: call, reason, by: now &+ PoolState.returnPatience)
        call.isToStop.store(true, ordering: .releasing)
        guard !call.interrupt() else { return keeperIsLate(for: call.dueTime) }
        stopping.append(call)
        return keeperIsLate(for: 0)
    }

    mutating func cancelled(whileRunning: Bool) -> SandboxPoolError {
        statistics.cancellations += 1
        return .cancelled(whileRunning: whileRunning)
    }

    private mutating func expired() -> SandboxPoolError {
        statistics.timeouts += 1
        return .deadlineExceededInQueue
    }

    // MARK: - Calls run

    /// What a thread does next. It parks, or leaves for good, if that is what comes back.
    mutating func next(for worker: PoolWorker, now: UInt64) -> Work {
        if worker.isReturning {
            worker.isReturning = false
            returningCount -= 1
        }
        if let answers = releaseAnswers(now: now) { return .answer(answers) }
        if let sandbox = doomed.popLast() ?? takeExcess() { return .close(sandbox) }
        if let work = nextJob(for: worker) ?? nextCall(for: worker, now: now) ?? nextJob(for: worker) { return work }
        if phase != .open, waitingCount == 0 {
            if let sandbox = takeLeastRecentlyUsed() { return .close(sandbox) }
            workerCount -= 1
            return .leave
        }
        if phase == .open, let work = upkeep(now: now) { return work }
        // Nobody may come by for a while.
        if !answers.isEmpty, carrierTime == nil { return .answer(.several(takeAnswers())) }
        parked.append(worker)
        return .park(wakesKeeper: keeperIsLate(for: upkeepTime))
    }

    /// The first lane whose turn it is and for whose first call something can be done.
    private mutating func nextCall(for worker: PoolWorker, now: UInt64) -> Work? {
        var candidate = turns.first
        while let lane = candidate {
            candidate = lane.links.next
            guard lane.runningCount + lane.makingCount < threadLimitPerSnapshot else { continue }
            if let call = lane.waiting.first, let sandbox = lane.takeIdle(for: worker.index) {
                idleCount -= 1
                begin(call, in: sandbox, now: now)
                return .run(call, sandbox)
            }
            if let work = make(for: lane, now: now) { return work }
        }
        return nil
    }

    mutating func begin(_ call: PoolCall, in sandbox: PooledSandbox, now: UInt64) {
        let lane = sandbox.lane
        unqueue(call)
        if lane.isInTurn {
            turns.remove(lane)
            turns.append(lane)
        }
        call.phase = .running
        call.sandbox = sandbox
        running.append(call)
        lane.runningCount += 1
        lane.lastUse = now
        home = lane
        statistics.calls += 1
    }

    /// A call has come back from its guest. Nobody can stop it any more.
    mutating func end(_ call: PoolCall, _ error: SandboxError?, worker: PoolWorker, now: UInt64) -> Ending {
        let isLate = call.phase == .late
        call.phase = .ended
        call.sandbox = nil
        deadlines.remove(call)
        running.remove(call)
        call.lane?.runningCount -= 1
        if call.lane?.returnsSoon == true {
            worker.isReturning = true
            returningCount += 1
        }
        if !stopping.isEmpty { stopping.removeAll { $0 === call } }
        switch error {
        case .some(let error) where error.isFault: statistics.faults += 1
        case _ where isLate: break
        case .interrupted:
            return .refusal(call.stop == .shutDown ? .shutDown : cancelled(whileRunning: true))
        case .deadlineExceeded: statistics.timeouts += 1
        default: break
        }
        if isLate { return .late }
        // Errors are nothing to be fast with, and a deadline is one to be told of in time.
        return .outcome(error == nil ? answer(call, now: now) : .own)
    }

    mutating func rolledBack(_ report: RollbackReport?, replacingMachine: Bool) {
        if replacingMachine { statistics.replacements += 1 }
        guard let report else { return }
        statistics.rollbacks += 1
        statistics.pagesRestored += UInt64(report.pages)
    }

    /// A sandbox is ready to be lent.
    mutating func giveBack(_ sandbox: PooledSandbox, worker: PoolWorker, now: UInt64) {
        let lane = sandbox.lane
        memory.update(sandbox)
        sandbox.lastUse = now
        sandbox.lastWorker = worker.index
        lane.lastUse = now
        lane.sandboxByteCount = sandbox.byteCount
        guard !lane.isRemoved else { return doom(sandbox) }
        lane.idle.append(sandbox)
        idleCount += 1
    }

    /// A sandbox cannot be lent any more: its thread throws it away.
    mutating func replace(_ sandbox: PooledSandbox) {
        statistics.replacements += 1
        uncount(sandbox)
        if !sandbox.lane.isRemoved { owed.append(sandbox.lane) }
    }

    // MARK: - Threads

    /// A parked thread for something new: one that is still looking, otherwise the preferred one, otherwise the last.
    mutating func takeParked(preferring index: Int? = nil) -> PoolWorker? {
        guard !parked.isEmpty else { return nil }
        let chosen = parked.lastIndex { $0.isLooking } ?? parked.lastIndex { $0.index == index }
        return parked.remove(at: chosen ?? parked.count - 1)
    }

    /// Everyone, when the last call of a shutdown has gone.
    mutating func takeParkedIfDrained() -> [PoolWorker] {
        guard phase != .open, waitingCount == 0 else { return [] }
        defer { parked = [] }
        return parked
    }

    /// True if the keeper would come too late for something at `time`: it is to be woken, once.
    mutating func keeperIsLate(for time: UInt64) -> Bool {
        guard time < keeperTime else { return false }
        keeperTime = 0
        return true
    }
}
