import Foundation
import Synchronization
import TestSupport
import Testing

@testable import GuestABI
@testable import Palimpsest
@testable import PalimpsestPool

/// Answers that go back together: which are held, until when, and that nobody waits for ever.
@Suite("Pool answers")
struct PoolAnswerTests {
    // MARK: - What is held

    /// A pool's state with a lane whose calls are short, and so many calls waiting.
    private func makeState(
        waiting: Int, groupSize: Int = 4, threads: Int = 1, callDuration: UInt64 = 20_000
    ) -> (state: PoolState, lane: SnapshotLane) {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1, threadCount: threads)
        configuration.answerGroupSize = groupSize
        var state = PoolState(configuration)
        let lane = SnapshotLane("lane", snapshot: nil, load: nil, metrics: nil, configuration: .init())
        for _ in 0..<64 { lane.note(call: callDuration, rollback: 1_000) }
        state.lanes[ByteName("lane")] = lane
        for _ in 0..<waiting { _ = state.enqueue(makeCall(), for: "lane", from: .stranger) }
        return (state, lane)
    }

    private func makeCall(of lane: SnapshotLane? = nil) -> PoolCall {
        let call = PoolCall(function: nil, deadline: nil)
        call.lane = lane
        return call
    }

    private func isOwn(_ answers: PoolState.Answers) -> Bool { if case .own = answers { true } else { false } }
    private func isHeld(_ answers: PoolState.Answers) -> Bool { if case .held = answers { true } else { false } }
    private func severalCount(_ answers: PoolState.Answers?) -> Int? {
        if case .several(let calls)? = answers { calls.count } else { nil }
    }
    private func isCarrier(_ answers: PoolState.Answers?) -> Bool {
        if case .carrier? = answers { true } else { false }
    }

    @Test("answers are held until the group is complete, then one carrier takes them all")
    func group() {
        var (state, lane) = makeState(waiting: 10)
        for _ in 0..<3 { #expect(isHeld(state.answer(makeCall(of: lane), now: 1))) }
        #expect(isCarrier(state.answer(makeCall(of: lane), now: 2)))
        // It is on its way: what ends meanwhile goes with it, and no other one is sent.
        #expect(isHeld(state.answer(makeCall(of: lane), now: 3)))
        #expect(state.releaseAnswers(now: 3) == nil)
        #expect(state.takeCarried().count == 5)
        #expect(state.takeCarried().isEmpty)
        #expect(isHeld(state.answer(makeCall(of: lane), now: 4)))
    }

    @Test(
        "an answer goes back at once if few calls wait, if calls are long, from a group of one, and to the pool's own tasks"
    )
    func atOnce() {
        func answers(_ made: (state: PoolState, lane: SnapshotLane), isFromPool: Bool = false) -> PoolState.Answers {
            var state = made.state
            let call = makeCall(of: made.lane)
            call.isFromPool = isFromPool
            return state.answer(call, now: 1)
        }
        #expect(isHeld(answers(makeState(waiting: 4, threads: 2))))
        for few in [makeState(waiting: 0), makeState(waiting: 1), makeState(waiting: 3, threads: 2)] {
            #expect(severalCount(answers(few)) == 1)
        }
        #expect(severalCount(answers(makeState(waiting: 10, callDuration: 60_000))) == 1)
        #expect(severalCount(answers(makeState(waiting: 10, callDuration: 0))) == 1)
        #expect(isOwn(answers(makeState(waiting: 10, groupSize: 1))))
        #expect(isOwn(answers(makeState(waiting: 10), isFromPool: true)))
        var (state, lane) = makeState(waiting: 10)
        lane.note(call: 20_000, rollback: 200_000)
        #expect(isOwn(state.answer(makeCall(of: lane), now: 1)))
        _ = state.drain(until: .max)
        #expect(isOwn(state.answer(makeCall(of: lane), now: 1)))
    }

    @Test("a thread that comes by takes answers that are old, or for which nobody else would come")
    func released() {
        var (state, lane) = makeState(waiting: 10)
        #expect(isHeld(state.answer(makeCall(of: lane), now: 1_000)))
        #expect(isHeld(state.answer(makeCall(of: lane), now: 2_000)))
        #expect(state.releaseAnswers(now: 250_999) == nil)
        #expect(isCarrier(state.releaseAnswers(now: 251_000)))
        #expect(state.takeCarried().count == 2)
        #expect(isHeld(state.answer(makeCall(of: lane), now: 1_000)))
        _ = state.removeAll(from: lane)
        #expect(severalCount(state.releaseAnswers(now: 1_001)) == 1)
    }

    @Test(
        "the keeper answers what nobody came for in 2 ms, is told in time, and a carrier that is late is not waited for"
    )
    func overdue() throws {
        var (state, lane) = makeState(waiting: 100, groupSize: 2)
        let start: UInt64 = 1_000_000_000
        state.keeperTime = .max
        let first = state.answer(makeCall(of: lane), now: start)
        guard case .held(wakesKeeper: true) = first else { throw Unexpected(first) }
        var duty = state.duty(now: start + 1)
        #expect(duty.answers.isEmpty && duty.nextTime <= start + 2_000_000)
        #expect(isCarrier(state.answer(makeCall(of: lane), now: start + 2)))
        duty = state.duty(now: start + 2_000_000)
        #expect(duty.answers.count == 2)
        // The carrier has not come yet.
        #expect(isHeld(state.answer(makeCall(of: lane), now: start + 2_000_001)))
        #expect(isOwn(state.answer(makeCall(of: lane), now: start + 2_000_002)))
        #expect(state.takeCarried().count == 1)
        #expect(isHeld(state.answer(makeCall(of: lane), now: start + 2_000_003)))
        _ = state.drain(until: .max)
        #expect(state.duty(now: start + 2_000_004).answers.count == 1)
    }

    @Test("nothing is held for calls that cannot begin, no thread parks on answers, and errors are told at once")
    func cannotBegin() throws {
        var (state, lane) = makeState(waiting: 10)
        lane.isLoading = true
        #expect(severalCount(state.answer(makeCall(of: lane), now: 1)) == 1)
        lane.isLoading = false
        #expect(isHeld(state.answer(makeCall(of: lane), now: 1)))
        // Its one thread is taken by a call that does not end.
        lane.runningCount = 1
        #expect(severalCount(state.answer(makeCall(of: lane), now: 2)) == nil)
        #expect(state.takeCarried().count == 2)
        state.carried()
        state.answers = [makeCall(of: lane)]
        guard case .answer = state.next(for: PoolWorker(index: 0), now: 3) else { throw Unexpected("something else") }
        #expect(state.answers.isEmpty)
        lane.runningCount = 1
        let late = makeCall(of: lane)
        late.phase = .running
        state.running.append(late)
        let ending = state.end(late, .deadlineExceeded, worker: PoolWorker(index: 0), now: 1)
        guard case .outcome(.own) = ending else { throw Unexpected("something else") }
    }

    @Test("a shutdown is not over while a carrier has calls to answer")
    func carrierAtShutdown() throws {
        var (state, lane) = makeState(waiting: 10)
        state.workerCount = 1
        for _ in 0..<4 { _ = state.answer(makeCall(of: lane), now: 1) }
        #expect(state.takeCarried().count == 4)
        _ = state.removeAll(from: lane)
        _ = state.drain(until: .max)
        guard case .leave = state.next(for: PoolWorker(index: 0), now: 3) else { throw Unexpected("something else") }
        #expect(!state.duty(now: 4).isLast)
        state.carried()
        #expect(state.duty(now: 5).isLast)
    }

    // MARK: - Real guests

    @Test("calls that ended before one that never ends are answered while it runs")
    func hangs() async throws {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1, threadCount: 1)
        configuration.answerGroupSize = 64
        let blocked = try await BlockedPool(configuration)
        let pool = blocked.pool
        let answered = Notes()
        func start(_ count: Int) async -> [Task<Void, any Error>] {
            var tasks: [Task<Void, any Error>] = []
            for _ in 0..<count {
                let waiting = pool.statistics.waiting
                tasks.append(
                    Task {
                        try await pool.call("nothing")
                        answered.add(1)
                    })
                await until { pool.statistics.waiting == waiting + 1 }
            }
            return tasks
        }
        let before = await start(40)
        let spin = Task { try await pool.call("spin") }
        await until { pool.statistics.waiting == 41 }
        let after = await start(80)
        try await blocked.release()
        await until { answered.all.count == 40 }
        #expect(answered.all.count == 40)
        spin.cancel()
        guard case .cancelled = await poolError(of: { try await spin.value }) else { throw Unexpected("not cancelled") }
        for task in before + after { try await task.value }
        #expect(pool.statistics.calls == 122)
        await pool.shutdown()
    }

    @Test("every call is answered, with its own result, in groups of any size", arguments: [1, 2, 16, 64])
    func groups(size: Int) async throws {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1...4, threadCount: 2)
        configuration.answerGroupSize = size
        let snapshot = try makeBehavedSnapshot()
        let pool = try SandboxPool(snapshot, configuration: configuration, hostFunctions: makePoolHost())
        let echo = try snapshot.function("echoInt64", as: ((Int64) -> Int64).self)
        let nothing = try snapshot.function("nothing", as: (() -> Void).self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<48 {
                group.addTask {
                    for round in 0..<40 {
                        let number = Int64(task * 1_000 + round)
                        #expect(try await pool.call(echo, number) == number)
                        if round % 8 == 0 { try await pool.call(nothing) }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(pool.statistics.calls == 48 * 45)
        await pool.shutdown()
    }

    @Test("tasks on threads of their own are answered while all of Swift's threads are blocked")
    func blockedThreads() async {
        await #expect(processExitsWith: .success) {
            let pool = try SandboxPool(
                makeBehavedSnapshot(), configuration: .init(sandboxCount: 1, threadCount: 1),
                hostFunctions: makePoolHost())
            try await pool.call("nothing")
            let isOver = Flag()
            let blockers = (0..<4 * SandboxPoolConfiguration.processorCount).map { _ in
                Task.detached {
                    for _ in 0..<120_000 where !isOver.isSet { usleep(1_000) }
                    return isOver.isSet
                }
            }
            let callers = Task(executorPreference: ThreadExecutor()) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<64 {
                        group.addTask { for _ in 0..<20 { try await pool.call("nothing") } }
                    }
                    try await group.waitForAll()
                }
                isOver.set()
            }
            try await callers.value
            for blocker in blockers { #expect(await blocker.value) }
            await pool.shutdown()
        }
    }

    @Test("a handle of another guest, or of a snapshot the pool does not have, is refused")
    func foreignHandles() async throws {
        let pool = try SandboxPool(makeBehavedSnapshot(), hostFunctions: makePoolHost())
        let foreign = try makeBehavedSnapshot().function("echoInt64", as: ((Int64) -> Int64).self)
        let error = await poolError { _ = try await pool.call(foreign, 1) }
        guard case .sandbox(.foreignFunction(name: "echoInt64")) = error else { throw Unexpected(error) }
        let missing = await poolError { _ = try await pool.call(foreign, 1, snapshot: "other") }
        guard case .unknownSnapshot(name: "other", _) = missing else { throw Unexpected(missing) }
        #expect(try await pool.call("echoInt64", Int64(2)) as Int64 == 2)
        await pool.shutdown()
    }

    @Test("a snapshot refuses handles of functions it has not, and of other types")
    func wrongHandles() throws {
        let snapshot = try makeBehavedSnapshot()
        func error(_ body: () throws -> Void) -> SandboxError? {
            do { try body() } catch { return error as? SandboxError }
            return nil
        }
        guard
            case .unknownFunction(name: "missing", _) = error({
                _ = try snapshot.function("missing", as: (() -> Void).self)
            })
        else { throw Unexpected("no error") }
        for wrong in [
            error { _ = try snapshot.function("echoInt64", as: ((Int64, Int64) -> Int64).self) },
            error { _ = try snapshot.function("echoInt64", as: (() -> Int64).self) },
            error { _ = try snapshot.function("echoInt64", as: ((Double) -> Int64).self) },
            error { _ = try snapshot.function("echoInt64", as: ((Int64) -> Void).self) },
        ] {
            guard case .signatureMismatch(function: "echoInt64", _, _) = wrong else { throw Unexpected(wrong) }
        }
    }
}

/// Set once, seen by everyone.
private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
