import TestSupport
import Testing

@testable import Palimpsest
@testable import PalimpsestPool

/// Waiting: order, limits, deadlines and cancellation.
@Suite("Pool queue")
struct PoolQueueTests {
    // MARK: - Order

    @Test("calls of a snapshot run in the order they came")
    func order() async throws {
        let notes = Notes()
        let blocked = try await BlockedPool(add: { left, right in
            notes.add(left)
            return left + right
        })
        let pool = blocked.pool
        var tasks: [Task<Int64, any Error>] = []
        for number in 0..<20 {
            tasks.append(Task { try await pool.call("hostAddTwice", Int64(number), Int64(0)) })
            await until { pool.statistics.waiting == number + 1 }
        }
        try await blocked.release()
        for (number, task) in tasks.enumerated() { #expect(try await task.value == Int64(number)) }
        // Each of them calls `add` twice.
        #expect(notes.all == (0..<20).flatMap { [$0, $0] })
        await pool.shutdown()
    }

    @Test("snapshots take turns: one with a long queue does not keep the others waiting")
    func turns() async throws {
        let notes = Notes()
        let blocked = try await BlockedPool(
            .init(sandboxCount: 1...3, threadCount: 1),
            add: { left, right in
                notes.add(left)
                return left + right
            })
        let pool = blocked.pool
        let snapshot = try makeBehavedSnapshot()
        for name in ["busy", "quiet"] { try pool.add(snapshot, as: name) }
        var tasks: [Task<Int64, any Error>] = []
        for number in 0..<12 {
            // The last two are of the quiet one.
            let name = number < 10 ? "busy" : "quiet"
            tasks.append(Task { try await pool.call("hostAddTwice", Int64(number), Int64(0), snapshot: name) })
            await until { pool.statistics.waiting == number + 1 }
        }
        try await blocked.release()
        for task in tasks { _ = try await task.value }
        let order = notes.all.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        #expect(order == [0, 10, 1, 11, 2, 3, 4, 5, 6, 7, 8, 9])
        await pool.shutdown()
    }

    @Test("a snapshot takes no more threads than it may, and the rest is for others")
    func threadLimit() async throws {
        let gate = Gate()
        var configuration = SandboxPoolConfiguration(sandboxCount: 1...4, threadCount: 2)
        configuration.threadLimitPerSnapshot = 1
        let pool = try SandboxPool(
            makeBehavedSnapshot(), configuration: configuration, hostFunctions: makePoolHost(tick: gate.pass))
        try pool.add(makeBehavedSnapshot(), as: "other")
        let greedy = (0..<3).map { _ in Task { try await pool.call("hostTick") } }
        await until { gate.arrivalCount == 1 && pool.statistics.waiting == 2 }
        #expect(try await pool.call("count", snapshot: "other") as Int64 == 1001)
        #expect(gate.arrivalCount == 1)
        gate.letThrough(3)
        for task in greedy { try await task.value }
        await pool.shutdown()
    }

    // MARK: - Limit

    @Test("beyond the limit of the queue calls are refused, and the numbers are in the error")
    func overload() async throws {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1, threadCount: 1)
        configuration.queueLimit = 3
        let blocked = try await BlockedPool(configuration)
        let pool = blocked.pool
        let waiting = (0..<3).map { _ in Task { try await pool.call("count") as Int64 } }
        await until { pool.statistics.waiting == 3 }
        let error = await poolError { try await pool.call("nothing") }
        guard case .overloaded(waiting: 3, limit: 3) = error else { throw Unexpected(error) }
        #expect(pool.statistics.overloads == 1 && pool.statistics.waiting == 3)
        try await blocked.release()
        for task in waiting { #expect(try await task.value == 1001) }
        #expect(try await pool.call("count") as Int64 == 1001)
        await pool.shutdown()
    }

    @Test("with no queue at all a call runs when a thread is free, and is refused when none is")
    func noQueue() async throws {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1, threadCount: 1)
        configuration.queueLimit = 0
        let blocked = try await BlockedPool(configuration)
        let error = await poolError { try await blocked.pool.call("nothing") }
        guard case .overloaded(_, limit: 0) = error else { throw Unexpected(error) }
        try await blocked.release()
        for _ in 0..<50 { #expect(try await blocked.pool.call("count") as Int64 == 1001) }
        await blocked.pool.shutdown()
    }

    @Test("a full queue costs the snapshot that fills it: its newest call gives way to another snapshot's first")
    func pushedOut() async throws {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1...2, threadCount: 1)
        configuration.queueLimit = 4
        let blocked = try await BlockedPool(configuration)
        let pool = blocked.pool
        try pool.add(makeBehavedSnapshot(), as: "other")
        var greedy: [Task<Int64, any Error>] = []
        for number in 0..<4 {
            greedy.append(Task { try await pool.call("count") })
            await until { pool.statistics.waiting == number + 1 }
        }
        let other = Task { try await pool.call("count", snapshot: "other") as Int64 }
        let last = greedy[3]
        let error = await poolError { _ = try await last.value }
        guard case .overloaded(_, limit: 4) = error else { throw Unexpected(error) }
        try await blocked.release()
        #expect(try await other.value == 1001)
        for task in greedy.dropLast() { #expect(try await task.value == 1001) }
        await pool.shutdown()
    }

    // MARK: - Deadlines

    @Test("a call whose deadline passes in the queue is answered then, not when a thread gets to it")
    func expires() async throws {
        let blocked = try await BlockedPool()
        let start = ContinuousClock.now
        let error = await poolError { try await blocked.pool.call("nothing", deadline: start + .milliseconds(50)) }
        guard case .deadlineExceededInQueue = error else { throw Unexpected(error) }
        // No thread can have got to it: all of them are blocked until below.
        #expect(ContinuousClock.now - start >= .milliseconds(50))
        #expect(blocked.pool.statistics.timeouts == 1 && blocked.pool.statistics.calls == 1)
        try await blocked.release()
        await blocked.pool.shutdown()
    }

    @Test("many deadlines in any order are all met, those without one wait on")
    func manyDeadlines() async throws {
        let blocked = try await BlockedPool()
        let pool = blocked.pool
        let start = ContinuousClock.now
        let patient = (0..<10).map { _ in Task { try await pool.call("count") as Int64 } }
        let expired = await withTaskGroup(of: Bool.self, returning: Int.self) { group in
            for number in 0..<60 {
                group.addTask {
                    let deadline = start + .milliseconds(10 + number * 37 % 60)
                    let error = await poolError { try await pool.call("nothing", deadline: deadline) }
                    guard case .deadlineExceededInQueue = error else { return false }
                    return ContinuousClock.now >= deadline
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(expired == 60 && pool.statistics.waiting == 10)
        try await blocked.release()
        for task in patient { #expect(try await task.value == 1001) }
        await pool.shutdown()
    }

    @Test("a deadline that has passed runs nothing")
    func past() async throws {
        let notes = Notes()
        let pool = try SandboxPool(makeBehavedSnapshot(), hostFunctions: makePoolHost(tick: { notes.add(1) }))
        for deadline in [ContinuousClock.now, .now - .seconds(3_600)] {
            let error = await poolError { try await pool.call("hostTick", deadline: deadline) }
            guard case .deadlineExceededInQueue = error else { throw Unexpected(error) }
        }
        #expect(notes.all.isEmpty && pool.statistics.calls == 0)
        await pool.shutdown()
    }

    @Test("a guest is stopped at its deadline, the pool's own one included")
    func stopped() async throws {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1, threadCount: 1)
        configuration.callTimeLimit = .milliseconds(300)
        let pool = try SandboxPool(makeBehavedSnapshot(), configuration: configuration, hostFunctions: makePoolHost())
        // The sandbox is there when time begins to run.
        #expect(try await pool.call("count", deadline: .now + .seconds(60)) as Int64 == 1001)
        let (error, count) = await expire(in: pool) { _ in try await pool.call("spin") }
        guard case .sandbox(.deadlineExceeded) = error else { throw Unexpected(error) }
        let (other, otherCount) = await expire(in: pool) { deadline in
            try await pool.withSandbox(deadline: deadline) { sandbox in
                let count: Int64 = try sandbox.call("count")
                #expect(count == 1001)
                try sandbox.call("spin", deadline: .now + .seconds(3_600))
            }
        }
        guard case .sandbox(.deadlineExceeded) = other else { throw Unexpected(other) }
        #expect(pool.statistics.timeouts == count + otherCount)
        #expect(try await pool.call("count", deadline: .now + .seconds(60)) as Int64 == 1001)
        await pool.shutdown()
    }

    // MARK: - Cancellation

    @Test("a cancelled call leaves the queue at once")
    func cancelledInQueue() async throws {
        let blocked = try await BlockedPool()
        let pool = blocked.pool
        let task = Task { try await pool.call("nothing") }
        await until { pool.statistics.waiting == 1 }
        task.cancel()
        let error = await poolError { try await task.value }
        guard case .cancelled(whileRunning: false) = error else { throw Unexpected(error) }
        #expect(pool.statistics.waiting == 0 && pool.statistics.cancellations == 1)
        try await blocked.release()
        await pool.shutdown()
    }

    @Test("a task that is cancelled already runs nothing")
    func cancelledBefore() async throws {
        let pool = try SandboxPool(makeBehavedSnapshot(), hostFunctions: makePoolHost())
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await pool.call("nothing")
        }
        let error = await poolError { try await task.value }
        guard case .cancelled(whileRunning: false) = error else { throw Unexpected(error) }
        #expect(pool.statistics.calls == 0)
        await pool.shutdown()
    }

    @Test("cancellation stops a running guest, also one between two calls of a closure, and nobody else's")
    func cancelledWhileRunning() async throws {
        let pool = try SandboxPool(
            makeBehavedSnapshot(), configuration: .init(sandboxCount: 1, threadCount: 1), hostFunctions: makePoolHost())
        for _ in 0..<20 {
            let task = Task { try await pool.call("spin") }
            let next = Task { try await pool.call("count") as Int64 }
            await until { pool.statistics.running == 1 }
            task.cancel()
            let error = await poolError { try await task.value }
            guard case .cancelled = error else { throw Unexpected(error) }
            #expect(try await next.value == 1001)
        }
        for _ in 0..<20 {
            let task = Task {
                try await pool.withSandbox { sandbox in
                    while true { _ = try sandbox.call("count") as Int64 }
                }
            }
            await until { pool.statistics.running == 1 }
            task.cancel()
            let error = await poolError { try await task.value }
            guard case .cancelled = error else { throw Unexpected(error) }
            #expect(try await pool.call("count") as Int64 == 1001)
        }
        await pool.shutdown()
    }

    @Test("the deadline queue gives calls back in order, whichever leave in between")
    func deadlineQueue() {
        var generator = SplitMix(state: 5)
        for _ in 0..<50 {
            var queue = DeadlineQueue()
            let now = ContinuousClock.now
            var calls = (0..<100).map { _ in
                PoolCall(function: nil, deadline: now + .seconds(Int.random(in: 10...1_000, using: &generator)))
            }
            for call in calls { queue.insert(call) }
            calls.shuffle(using: &generator)
            for call in calls.suffix(40) { queue.remove(call) }
            calls.removeLast(40)
            queue.remove(PoolCall(function: nil, deadline: now))
            var last: UInt64 = 0
            while let call = queue.first {
                #expect(call.deadlineNanoseconds >= last)
                last = call.deadlineNanoseconds
                queue.remove(call)
                calls.removeAll { $0 === call }
            }
            #expect(calls.isEmpty && queue.earliest == .max)
        }
    }
}
