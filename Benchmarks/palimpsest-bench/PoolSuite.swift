import Dispatch
import Glibc
import Palimpsest
import PalimpsestPool
import Synchronization

extension Suite {
    /// Calls to a pool from tasks, each beside a call and a rollback of a bare sandbox.
    static let pool = Suite(name: "pool", summary: "calls to a pool: latency by tasks in flight, throughput by threads")
    {
        effort in
        let snapshot = try BenchGuest.snapshot(pageCount: 64)
        var report = try latencies(snapshot, effort)
        report.add(try throughputs(snapshot, effort))
        return report
    }

    /// How many calls of a kind follow each other: enough for the processors to settle to it.
    private static let turn = 2_048

    private static let floorName = "call+rollback/add"

    private static func latencies(_ snapshot: Snapshot, _ effort: Effort) throws -> Report {
        let pool = try SandboxPool(snapshot)
        let add = try BareCaller.add(of: snapshot)
        let bare = try BareCaller(snapshot)
        var floor = Measurement(floorName)
        var cases: [(caller: PoolCaller, taskCount: Int, measurement: Measurement)] = []
        for isOnPool in [false, true] {
            for taskCount in [1, 2, 8, 64] {
                let name = "pool/call/tasks=\(taskCount)\(isOnPool ? onPool : "")"
                cases.append((PoolCaller(pool, add, isOnPool: isOnPool), taskCount, Measurement(name, over: floorName)))
            }
        }
        for round in 0...max(1, effort.sampleCount / turn) {
            for _ in 0..<turn {
                let time = try bare.time()
                if round > 0 { floor.record(time) }
            }
            for index in cases.indices {
                let taskCount = cases[index].taskCount
                let times = try cases[index].caller.times(taskCount: taskCount, callCount: turn / taskCount)
                if round > 0 { for time in times { cases[index].measurement.record(time) } }
            }
        }
        try wait { await pool.shutdown() }
        return Report(
            results: [Record(floor, floorP50: nil)] + cases.map { Record($0.measurement, floorP50: floor.p50) })
    }

    /// What is added to the names of results whose tasks run on the pool's own threads.
    private static let onPool = "/on-pool"

    /// One sample is the time of a call in a window of many calls: the ratio is one over how many times the bare
    /// sandbox's rate the pool reaches.
    private static func throughputs(_ snapshot: Snapshot, _ effort: Effort) throws -> Report {
        let name = "\(floorName)/window"
        let bare = try BareCaller(snapshot)
        let bares = try TwoBareCallers(snapshot)
        let add = try BareCaller.add(of: snapshot)
        let callCount = 4_096
        var measurements = [Measurement(name), Measurement("\(name)/two-threads", over: name)]
        var operations: [() throws -> UInt64] = [
            { try bare.time(callCount: callCount) }, { try bares.time(callCount: callCount) },
        ]
        var pools: [SandboxPool] = []
        for threadCount in [1, 2] {
            let pool = try SandboxPool(
                snapshot, configuration: .init(sandboxCount: 1...threadCount, threadCount: threadCount))
            pools.append(pool)
            for isOnPool in [false, true] {
                let caller = PoolCaller(pool, add, isOnPool: isOnPool)
                let suffix = isOnPool ? onPool : ""
                measurements.append(Measurement("pool/throughput/threads=\(threadCount)\(suffix)", over: name))
                operations.append { try caller.time(taskCount: 16, callCount: callCount / 16) }
            }
        }
        for round in 0...max(5, effort.sampleCount / 1_000) {
            for (index, operation) in operations.enumerated() {
                let time = try operation()
                if round > 0 { measurements[index].record(time) }
            }
        }
        for pool in pools { try wait { await pool.shutdown() } }
        let floorP50 = measurements[0].p50
        return Report(results: measurements.map { Record($0, floorP50: $0.floor == nil ? nil : floorP50) })
    }
}

/// A sandbox that one thread calls and rolls back.
struct BareCaller: @unchecked Sendable {
    private let sandbox: Sandbox
    private let snapshot: Snapshot
    private let add: Add

    typealias Add = GuestFunction<Int64, Int64, Int64>

    static func add(of snapshot: Snapshot) throws -> Add {
        try snapshot.function("add", as: ((Int64, Int64) -> Int64).self)
    }

    init(_ snapshot: Snapshot) throws {
        self.snapshot = snapshot
        sandbox = try Sandbox(from: snapshot)
        add = try BareCaller.add(of: snapshot)
    }

    /// Nanoseconds of one call with its rollback.
    func time() throws -> UInt64 { try time(callCount: 1) }

    /// Nanoseconds a call, of so many.
    func time(callCount: Int) throws -> UInt64 {
        let start = nanosecondsNow()
        for _ in 0..<callCount {
            try BenchGuest.check(sandbox.call(add, 40, 2) == 42)
            try sandbox.restore(snapshot)
        }
        return (nanosecondsNow() - start) / UInt64(callCount)
    }
}

/// Two sandboxes on two threads: what two processors have to give, without a pool.
struct TwoBareCallers {
    private let callers: [BareCaller]

    init(_ snapshot: Snapshot) throws { callers = try (0..<2).map { _ in try BareCaller(snapshot) } }

    /// Nanoseconds a call, of so many.
    func time(callCount: Int) throws -> UInt64 {
        let start = nanosecondsNow()
        let failures = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 2) { index in
            do { _ = try callers[index].time(callCount: callCount / 2) } catch { failures.withLock { $0 += 1 } }
        }
        try BenchGuest.check(failures.withLock { $0 } == 0)
        return (nanosecondsNow() - start) / UInt64(callCount)
    }
}

/// Tasks that call a pool, each one call after the other.
struct PoolCaller {
    private let pool: SandboxPool
    private let add: BareCaller.Add

    /// Whether the tasks run on the pool's own threads.
    private let isOnPool: Bool

    init(_ pool: SandboxPool, _ add: BareCaller.Add, isOnPool: Bool) {
        self.pool = pool
        self.add = add
        self.isOnPool = isOnPool
    }

    /// Nanoseconds of every call.
    func times(taskCount: Int, callCount: Int) throws -> [UInt64] {
        try wait { [pool, add, isOnPool] in
            try await withThrowingTaskGroup(of: [UInt64].self) { group in
                for _ in 0..<taskCount {
                    group.addTask(executorPreference: isOnPool ? pool.taskExecutor : nil) {
                        var times: [UInt64] = []
                        times.reserveCapacity(callCount)
                        for _ in 0..<callCount {
                            let start = nanosecondsNow()
                            let sum = try await pool.call(add, 40, 2)
                            times.append(nanosecondsNow() - start)
                            try BenchGuest.check(sum == 42)
                        }
                        return times
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
        }
    }

    /// Nanoseconds a call of all together.
    func time(taskCount: Int, callCount: Int) throws -> UInt64 {
        let start = nanosecondsNow()
        _ = try times(taskCount: taskCount, callCount: callCount)
        return (nanosecondsNow() - start) / UInt64(taskCount * callCount)
    }
}

func nanosecondsNow() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

/// Runs something asynchronous while this thread sleeps.
func wait<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let outcome = Outcome<Value>()
    Task.detached {
        do { outcome.value = .success(try await body()) } catch { outcome.value = .failure(error) }
        outcome.isThere.signal()
    }
    outcome.isThere.wait()
    return try outcome.take()
}

private final class Outcome<Value: Sendable>: @unchecked Sendable {
    let isThere = DispatchSemaphore(value: 0)
    var value: Result<Value, any Error>?

    func take() throws -> Value {
        guard let value else { throw BenchmarkError.wrongResult }
        return try value.get()
    }
}
