import Dispatch
import Glibc
import Palimpsest

extension Suite {
    /// Calls to a pool from tasks, each beside a call and a rollback of a bare sandbox.
    static let pool = Suite(name: "pool", summary: "calls to a pool: latency by tasks in flight, throughput by threads") {
        effort in
        let snapshot = try BenchGuest.snapshot(pageCount: 64)
        var report = try latencies(snapshot, effort)
        report.add(try throughputs(snapshot, effort))
        return report
    }

    private static let floorName = "call+rollback/add"

    private static func latencies(_ snapshot: Snapshot, _ effort: Effort) throws -> Report {
        let pool = try SandboxPool(snapshot)
        let bare = try BareCaller(snapshot)
        let taskCounts = [1, 2, 8, 64]
        var floor = Measurement(floorName)
        var measurements = taskCounts.map { Measurement("pool/call/tasks=\($0)", over: floorName) }
        for round in 0..<effort.sampleCount / 256 {
            for _ in 0..<256 {
                let time = try bare.time()
                if round > 0 { floor.record(time) }
            }
            for (index, taskCount) in taskCounts.enumerated() {
                let times = try PoolCaller(pool).times(taskCount: taskCount, callCount: 256 / min(taskCount, 8))
                if round > 0 { for time in times { measurements[index].record(time) } }
            }
        }
        try wait { await pool.shutdown() }
        return Report(
            results: [Record(floor, floorP50: nil)] + measurements.map { Record($0, floorP50: floor.p50) })
    }

    /// One sample is the time of a call in a window of many calls: the ratio is one over how many times the bare
    /// sandbox's rate the pool reaches.
    private static func throughputs(_ snapshot: Snapshot, _ effort: Effort) throws -> Report {
        let name = "\(floorName)/window"
        let bare = try BareCaller(snapshot)
        var floor = Measurement(name)
        let pools = try [1, 2].map { threadCount in
            try SandboxPool(snapshot, configuration: .init(sandboxCount: 1...threadCount, threadCount: threadCount))
        }
        var measurements = (1...2).map { Measurement("pool/throughput/threads=\($0)", over: name) }
        let callCount = 512
        for round in 0..<effort.sampleCount / 500 {
            let time = try bare.time(callCount: callCount)
            if round > 0 { floor.record(time) }
            for (index, pool) in pools.enumerated() {
                let time = try PoolCaller(pool).time(taskCount: 16, callCount: callCount / 16)
                if round > 0 { measurements[index].record(time) }
            }
        }
        for pool in pools { try wait { await pool.shutdown() } }
        return Report(
            results: [Record(floor, floorP50: nil)] + measurements.map { Record($0, floorP50: floor.p50) })
    }
}

/// A sandbox that one thread calls and rolls back.
struct BareCaller {
    private let sandbox: Sandbox
    private let snapshot: Snapshot
    private let add: GuestFunction<Int64, Int64, Int64>

    init(_ snapshot: Snapshot) throws {
        self.snapshot = snapshot
        sandbox = try Sandbox(from: snapshot)
        add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
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

/// Tasks that call a pool, each one call after the other.
struct PoolCaller {
    private let pool: SandboxPool

    init(_ pool: SandboxPool) { self.pool = pool }

    /// Nanoseconds of every call.
    func times(taskCount: Int, callCount: Int) throws -> [UInt64] {
        try wait { [pool] in
            try await withThrowingTaskGroup(of: [UInt64].self) { group in
                for _ in 0..<taskCount {
                    group.addTask {
                        var times: [UInt64] = []
                        times.reserveCapacity(callCount)
                        for _ in 0..<callCount {
                            let start = nanosecondsNow()
                            let sum: Int64 = try await pool.call("add", Int64(40), Int64(2))
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
