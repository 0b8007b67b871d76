import Glibc
import Metrics
import MetricsTestKit
import Synchronization
import TestSupport
import Testing

@testable import Palimpsest
@testable import PalimpsestPool

/// Host functions and closures that do not return in time: their callers are answered all the same, and the pool's
/// books are right. What takes its time stands at a gate, which is opened when the caller has its answer.
@Suite("Pool calls that are late")
struct PoolLateTests {
    /// A pool whose guests' `hostTick` stands at the gate.
    fileprivate struct Subject: Sendable {
        let gate = Gate()
        let snapshot: Snapshot
        let pool: SandboxPool

        init(_ configuration: SandboxPoolConfiguration = .init(sandboxCount: 1, threadCount: 1)) throws {
            snapshot = try makeBehavedSnapshot()
            pool = try SandboxPool(
                snapshot, configuration: configuration, hostFunctions: makePoolHost(tick: gate.pass))
        }

        /// Makes a call that comes to the gate, and waits until it is there.
        func hold(_ form: Form = .call, deadline: ContinuousClock.Instant? = nil) async -> Held {
            let answer = Answer()
            let arrivals = gate.arrivalCount
            let task = Task { answer.set(await form.error(self, deadline: deadline)) }
            await until { gate.arrivalCount > arrivals || answer.isThere }
            // Answered before it came there, it may do so yet.
            if answer.isThere { await until { gate.arrivalCount > arrivals || pool.statistics.running == 0 } }
            return Held(task: task, answer: answer, isAtGate: gate.arrivalCount > arrivals)
        }

        /// As `hold`, with a deadline: one that leaves the call enough time to come to the gate, as busy as the machine
        /// is.
        func hold(_ form: Form = .call, for limit: Duration) async -> Held {
            let held = await hold(form, deadline: .now + limit)
            return held.isAtGate || limit > .seconds(600) ? held : await hold(form, for: limit * 2)
        }

        /// Opens the gate for one, and expects everything to be as if nothing had happened.
        func expectRecovery(_ location: SourceLocation = #_sourceLocation) async throws {
            gate.letThrough(1)
            await until { pool.statistics.running == 0 && pool.statistics.idle == pool.statistics.sandboxes }
            #expect(pool.statistics.running == 0 && pool.statistics.faults == 0, sourceLocation: location)
            #expect(try await pool.call("count") as Int64 == 1001, sourceLocation: location)
        }
    }

    /// A call that stands at the gate.
    fileprivate struct Held {
        let task: Task<Void, Never>
        let answer: Answer
        let isAtGate: Bool

        /// What its caller was told while it stands there.
        func error() async -> SandboxPoolError? {
            await until { answer.isThere }
            return answer.error
        }
    }

    /// What a caller has been told so far.
    fileprivate final class Answer: Sendable {
        private let state = Mutex<(isThere: Bool, error: SandboxPoolError?)>((false, nil))

        func set(_ error: SandboxPoolError?) { state.withLock { $0 = (true, error) } }
        var isThere: Bool { state.withLock { $0.isThere } }
        var error: SandboxPoolError? { state.withLock { $0.error } }
    }

    /// A way of calling that comes to the gate.
    enum Form: CaseIterable, Sendable {
        case call, values, handle, closure, betweenCalls, fromPool

        fileprivate func error(_ subject: Subject, deadline: ContinuousClock.Instant?) async -> SandboxPoolError? {
            let (pool, gate) = (subject.pool, subject.gate)
            return await poolError {
                switch self {
                case .call: try await pool.call("hostTick", deadline: deadline)
                case .values: _ = try await pool.call("hostTick", arguments: [], deadline: deadline)
                case .handle:
                    let tick = try subject.snapshot.function("hostTick", as: (() -> Void).self)
                    try await pool.call(tick, deadline: deadline)
                case .closure: try await pool.withSandbox(deadline: deadline) { try $0.call("hostTick") }
                case .betweenCalls:
                    _ = try await pool.withSandbox(deadline: deadline) { sandbox in
                        try sandbox.call("nothing")
                        gate.pass()
                        return 7
                    }
                case .fromPool:
                    try await Task(executorPreference: pool.taskExecutor) {
                        try await pool.call("hostTick", deadline: deadline)
                    }.value
                }
            }
        }
    }

    // MARK: - Who called

    @Test("at its deadline a caller is answered, though its host function or closure goes on", arguments: Form.allCases)
    func deadline(form: Form) async throws {
        let subject = try Subject()
        let pool = subject.pool
        #expect(try await pool.call("count") as Int64 == 1001)
        for _ in 1...3 {
            let held = await subject.hold(form, for: .milliseconds(50))
            let error = await held.error()
            guard case .sandbox(.deadlineExceeded) = error else { throw Unexpected(error) }
            // It stands at the gate still, with the pool's only thread and sandbox.
            #expect(pool.statistics.running == 1 && pool.statistics.idle == 0 && pool.statistics.sandboxes == 1)
            let then = pool.statistics
            #expect(then.timeouts > 0)
            try await subject.expectRecovery()
            #expect(pool.statistics.timeouts == then.timeouts && pool.statistics.calls == then.calls + 1)
        }
        await pool.shutdown()
        #expect(pool.statistics.rollbacks == pool.statistics.calls)
    }

    @Test("the pool's own time limit is such a deadline")
    func timeLimit() async throws {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1, threadCount: 1)
        configuration.callTimeLimit = .milliseconds(300)
        let subject = try Subject(configuration)
        #expect(try await subject.pool.call("count", deadline: .now + .seconds(600)) as Int64 == 1001)
        var held = await subject.hold()
        while !held.isAtGate { held = await subject.hold() }
        let error = await held.error()
        guard case .sandbox(.deadlineExceeded) = error else { throw Unexpected(error) }
        #expect(subject.pool.statistics.running == 1)
        subject.gate.letThrough(1)
        await until { subject.pool.statistics.idle == 1 }
        #expect(subject.pool.statistics.timeouts > 0 && subject.pool.statistics.running == 0)
        await subject.pool.shutdown()
    }

    @Test(
        "a caller whose task is cancelled is answered, though its host function goes on",
        // The last one's task is nobody's child.
        arguments: Form.allCases.dropLast())
    func cancellation(form: Form) async throws {
        let subject = try Subject()
        let pool = subject.pool
        for round in 1...3 as ClosedRange<UInt64> {
            let held = await subject.hold(form)
            held.task.cancel()
            let error = await held.error()
            guard case .cancelled(whileRunning: true) = error else { throw Unexpected(error) }
            #expect(pool.statistics.running == 1 && pool.statistics.cancellations == round)
            try await subject.expectRecovery()
            #expect(pool.statistics.cancellations == round && pool.statistics.timeouts == 0)
        }
        await pool.shutdown()
    }

    @Test("a cancellation with a deadline to come, and a deadline of a call that is late, are told once")
    func both() async throws {
        let subject = try Subject()
        let cancelled = await subject.hold(deadline: .now + .seconds(3_600))
        cancelled.task.cancel()
        var error = await cancelled.error()
        guard case .cancelled(whileRunning: true) = error else { throw Unexpected(error) }
        try await subject.expectRecovery()
        let expired = await subject.hold(for: .milliseconds(50))
        error = await expired.error()
        guard case .sandbox(.deadlineExceeded) = error else { throw Unexpected(error) }
        let timeouts = subject.pool.statistics.timeouts
        expired.task.cancel()
        try await subject.expectRecovery()
        #expect(subject.pool.statistics.cancellations == 1 && subject.pool.statistics.timeouts == timeouts)
        await subject.pool.shutdown()
    }

    @Test("a late closure makes no more calls, be it late for its deadline or for its task", arguments: [false, true])
    func nothingNew(isCancelled: Bool) async throws {
        let subject = try Subject()
        let outcome = Mutex<SandboxError?>(nil)
        let answer = Answer()
        let deadline = isCancelled ? nil : ContinuousClock.now + .seconds(1)
        let task = Task {
            answer.set(
                await poolError {
                    try await subject.pool.withSandbox(deadline: deadline) { sandbox in
                        _ = caughtError { try sandbox.call("hostTick") }
                        let error = caughtError { try sandbox.call("nothing") }
                        outcome.withLock { $0 = error }
                    }
                })
        }
        await until { subject.gate.arrivalCount == 1 || answer.isThere }
        if isCancelled { task.cancel() }
        await until { answer.isThere }
        // Where the machine is so busy that it never came to the gate, there is nothing to see.
        guard subject.gate.arrivalCount == 1 else { return await subject.pool.shutdown() }
        try await subject.expectRecovery()
        switch outcome.withLock({ $0 }) {
        case .deadlineExceeded, .interrupted, .poisoned: break
        case let other: throw Unexpected(other)
        }
        await subject.pool.shutdown()
    }

    // MARK: - The pool

    @Test("a late call counts against the queue's limit and its snapshot's threads until it is back")
    func limits() async throws {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1...4, threadCount: 2)
        configuration.threadLimitPerSnapshot = 1
        configuration.queueLimit = 0
        let subject = try Subject(configuration)
        let pool = subject.pool
        try pool.add(subject.snapshot, as: "other")
        let error = await subject.hold(for: .milliseconds(50)).error()
        guard case .sandbox(.deadlineExceeded) = error else { throw Unexpected(error) }
        // One thread is free, for the other snapshot only.
        let waiting = Task { try await pool.call("count") as Int64 }
        await until { pool.statistics.waiting == 1 }
        #expect(pool.statistics.waiting == 1 && pool.statistics.running == 1)
        let refused = await poolError { try await pool.call("nothing") }
        guard case .overloaded(waiting: 1, limit: 0) = refused else { throw Unexpected(refused) }
        #expect(pool.statistics.waiting == 1)
        subject.gate.letThrough(1)
        #expect(try await waiting.value == 1001)
        #expect(try await pool.call("count", snapshot: "other") as Int64 == 1001)
        await pool.shutdown()
    }

    @Test("at its deadline a shutdown answers who called, and is over when the host function has returned")
    func shutdown() async throws {
        let subject = try Subject()
        let pool = subject.pool
        let held = await subject.hold()
        let ends = Notes()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await pool.shutdown(deadline: .now)
                ends.add(1)
            }
            let error = await held.error()
            guard case .shutDown = error else {
                Issue.record("\(String(describing: error))")
                return subject.gate.letThrough(1)
            }
            // Its thread is at the gate, and has to be joined.
            #expect(ends.all.isEmpty)
            #expect(pool.statistics.running == 1 && pool.statistics.sandboxes == 1)
            subject.gate.letThrough(1)
        }
        #expect(pool.statistics.running == 0 && pool.statistics.sandboxes == 0)
    }

    @Test("a shutdown without a deadline waits for calls that are late already")
    func drain() async throws {
        let subject = try Subject()
        let error = await subject.hold(for: .milliseconds(50)).error()
        guard case .sandbox(.deadlineExceeded) = error else { throw Unexpected(error) }
        async let over: Void = subject.pool.shutdown()
        await until { !subject.pool.isOpen }
        #expect(subject.pool.statistics.running == 1)
        subject.gate.letThrough(1)
        await over
        #expect(subject.pool.statistics.running == 0 && subject.pool.statistics.sandboxes == 0)
    }

    /// What callers were told.
    private final class Tally: Sendable {
        private let state = Mutex<(values: UInt64, timeouts: UInt64, cancellations: UInt64)>((0, 0, 0))

        var counts: (values: UInt64, timeouts: UInt64, cancellations: UInt64) { state.withLock { $0 } }

        func add(_ error: SandboxPoolError?) throws {
            try state.withLock { state in
                switch error {
                case nil: state.values += 1
                case .sandbox(.deadlineExceeded), .deadlineExceededInQueue: state.timeouts += 1
                case .cancelled: state.cancellations += 1
                default: throw Unexpected(error)
                }
            }
        }
    }

    @Test("whether calls come back before they are late or after, each is answered once and counted once")
    func race() async throws {
        let pool = try SandboxPool(
            makeBehavedSnapshot(), configuration: .init(sandboxCount: 1...4, threadCount: 4),
            hostFunctions: makePoolHost(tick: { usleep(UInt32.random(in: 0..<8_000)) }))
        let tally = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<50 {
                        let isCancelled = (task + round) % 2 == 0
                        let deadline = isCancelled ? nil : ContinuousClock.now + .milliseconds(3)
                        let call = Task { await poolError { try await pool.call("hostTick", deadline: deadline) } }
                        if isCancelled {
                            try await Task.sleep(for: .milliseconds(3))
                            call.cancel()
                        }
                        let error = await call.value
                        try tally.add(error)
                    }
                }
            }
            try await group.waitForAll()
        }
        await until { pool.statistics.running == 0 }
        let counts = tally.counts
        #expect(counts.values + counts.timeouts + counts.cancellations == 400)
        #expect(pool.statistics.timeouts == counts.timeouts)
        #expect(pool.statistics.cancellations == counts.cancellations)
        #expect(pool.statistics.running == 0 && pool.statistics.waiting == 0 && pool.statistics.faults == 0)
        #expect(try await pool.call("count") as Int64 == 1001)
        await pool.shutdown()
    }

    @Test("metrics have the time-out when the caller has it, and the call when it is back")
    func metrics() async {
        await #expect(processExitsWith: .success) {
            let metrics = TestMetrics()
            MetricsSystem.bootstrap(metrics)
            let gate = Gate()
            let pool = try SandboxPool(
                makeBehavedSnapshot(), configuration: .init(sandboxCount: 1, threadCount: 1),
                hostFunctions: makePoolHost(tick: gate.pass))
            func count(_ name: String) throws -> Int64 {
                let labels = [("pool", "pool"), ("snapshot", "default"), ("function", "hostTick")]
                return try metrics.expectCounter("palimpsest_pool_\(name)", labels).totalValue
            }
            #expect(try await pool.call("count") as Int64 == 1001)
            // A call that ended before it came to the gate is counted at once.
            func isAtGate() -> Bool { gate.arrivalCount == 1 }
            let (error, timeouts) = await expire(in: pool, hasRun: isAtGate) {
                try await pool.call("hostTick", deadline: $0)
            }
            guard case .sandbox(.deadlineExceeded) = error else { throw Unexpected(error) }
            await until { (try? count("timeouts")) == Int64(timeouts) }
            let before = try count("calls")
            #expect(try count("timeouts") == Int64(timeouts) && before < timeouts)
            gate.letThrough(1)
            await until { (try? count("calls")) == before + 1 }
            #expect(try count("timeouts") == Int64(timeouts) && count("calls") == before + 1)
            #expect(try count("cancellations") == 0)
            await pool.shutdown()
        }
    }

    // MARK: - The state alone

    /// A state with one call that runs, and the time of its deadline.
    private func makeState() -> (state: PoolState, call: PoolCall, deadline: UInt64) {
        var state = PoolState(SandboxPoolConfiguration(sandboxCount: 1, threadCount: 1))
        let lane = SnapshotLane("lane", snapshot: nil, load: nil, metrics: nil, configuration: .init())
        let call = PoolCall(function: nil, deadline: .now + .seconds(3_600))
        call.lane = lane
        call.phase = .running
        state.running.append(call)
        lane.runningCount += 1
        state.deadlines.insert(call)
        return (state, call, call.deadlineNanoseconds)
    }

    @Test("a call that comes back within its patience is answered by its thread, a later one by the keeper")
    func patience() {
        var (state, call, deadline) = makeState()
        let end = deadline + PoolState.returnPatience
        #expect(state.duty(now: deadline - 1).nextTime <= deadline)
        let duty = state.duty(now: deadline)
        #expect(duty.late.isEmpty && duty.expired.isEmpty && duty.nextTime <= end)
        let late = state.duty(now: end).late
        #expect(late.count == 1 && late.first?.call === call && call.phase == .late)
        #expect(state.running.count == 1 && state.deadlines.earliest == .max)
        #expect(state.duty(now: .max / 2).late.isEmpty)
        let ending = state.end(call, nil, worker: PoolWorker(index: 0), now: end + 1)
        #expect(ending.isLate && state.running.count == 0 && call.phase == .ended)
        #expect(state.statistics.timeouts == 1)
        // What it ended in has been told; that it faulted has not.
        #expect(state.statistics.faults == 0)
        let fault = SandboxError.unrecoverable(reason: "test")
        call.phase = .late
        state.running.append(call)
        #expect(state.end(call, fault, worker: PoolWorker(index: 0), now: end + 2).isLate)
        #expect(state.statistics.timeouts == 1 && state.statistics.faults == 1)

        (state, call, deadline) = makeState()
        #expect(state.duty(now: deadline).late.isEmpty)
        let inTime = state.end(call, .deadlineExceeded, worker: PoolWorker(index: 0), now: deadline + 1)
        #expect(!inTime.isLate && state.deadlines.earliest == .max)
        #expect(state.duty(now: .max / 2).late.isEmpty && state.statistics.timeouts == 1)
    }

    @Test("a cancelled call has its time to come back from the cancellation on, and the keeper is told")
    func cancelledState() {
        var (state, call, _) = makeState()
        state.keeperTime = .max
        let start: UInt64 = 500
        let (isRefused, wakesKeeper) = state.cancel(call, now: start)
        #expect(!isRefused && wakesKeeper && state.statistics.cancellations == 0)
        #expect(state.duty(now: start).late.isEmpty)
        let late = state.duty(now: start + PoolState.returnPatience).late
        #expect(late.count == 1 && state.statistics.cancellations == 1)
        // Again: it has been answered.
        #expect(!state.cancel(call, now: start).isRefused)
        #expect(state.duty(now: .max / 2).late.isEmpty && state.statistics.cancellations == 1)
    }
}
