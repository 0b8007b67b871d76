import Glibc
import Logging
import Metrics
import MetricsTestKit
import TestSupport
import Testing

@testable import MicroVM
@testable import Palimpsest
@testable import PalimpsestPool

/// Numbers out of range, machines at their end, and what a pool tells of itself.
@Suite("Pool limits")
struct PoolLimitTests {
    @Test("numbers out of range are refused by name")
    func configuration() throws {
        let snapshot = try makeBehavedSnapshot()
        func refused(_ change: (inout SandboxPoolConfiguration) -> Void) -> String? {
            var configuration = SandboxPoolConfiguration()
            change(&configuration)
            do throws(SandboxPoolError) {
                _ = try SandboxPool(snapshot, configuration: configuration, hostFunctions: makeHostFunctionsOrNone())
                return nil
            } catch {
                guard case .invalidConfiguration(let name, _, _) = error else { return "\(error)" }
                return name
            }
        }
        #expect(refused { $0.sandboxCount = 0...0 } == "sandboxCount")
        #expect(refused { $0.sandboxCount = -1...4 } == "sandboxCount")
        #expect(refused { $0.sandboxCount = 1...16_385 } == "sandboxCount")
        #expect(refused { $0.threadCount = 0 } == "threadCount")
        #expect(refused { $0.threadCount = 257 } == "threadCount")
        #expect(refused { $0.threadLimitPerSnapshot = 0 } == "threadLimitPerSnapshot")
        #expect(refused { $0.threadLimitPerSnapshot = $0.threadCount + 1 } == "threadLimitPerSnapshot")
        #expect(refused { $0.queueLimit = -1 } == "queueLimit")
        #expect(refused { $0.queueLimit = 1_048_577 } == "queueLimit")
        #expect(refused { $0.answerGroupSize = 0 } == "answerGroupSize")
        #expect(refused { $0.answerGroupSize = 65 } == "answerGroupSize")
        #expect(refused { $0.memoryLimit = 0 } == "memoryLimit")
        #expect(refused { $0.callTimeLimit = .zero }?.hasPrefix("callTimeLimit") == true)
        #expect(refused { $0.idleTimeLimit = .seconds(-1) }?.hasPrefix("idleTimeLimit") == true)
        #expect(refused { $0.sandboxCount = 1...16_384 } == nil)
    }

    private func makeHostFunctionsOrNone() -> HostFunctions { (try? makePoolHost()) ?? HostFunctions() }

    @Test("a pool of more sandboxes than this process has descriptors for is refused when it is made")
    func tooMany() async {
        await #expect(processExitsWith: .success) {
            let snapshot = try makeBehavedSnapshot()
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            limit.rlim_cur = 400
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let error = await poolError {
                _ = try SandboxPool(snapshot, configuration: .init(sandboxCount: 101), hostFunctions: makePoolHost())
            }
            guard case .invalidConfiguration("sandboxCount", 101, _) = error else { throw Unexpected(error) }
            await until { poolThreadCount == 0 }
            #expect(poolThreadCount == 0)
        }
    }

    @Test("when descriptors run out, calls that have no sandbox get the error, and the pool goes on with what it has")
    func descriptors() async {
        await #expect(processExitsWith: .success) {
            let snapshot = try makeBehavedSnapshot()
            Sandbox.releaseIdleMachines()
            let gate = Gate()
            let lines = LogLines()
            let pool = try SandboxPool(
                configuration: .init(
                    sandboxCount: 1...8, threadCount: 4, logger: Logger(label: "pool") { _ in lines }),
                hostFunctions: makePoolHost(tick: gate.pass))
            try pool.add("lazy") { snapshot }
            let fillers = try ProcessLimit.fill(leaving: 0)
            let error = await poolError { try await pool.call("nothing", snapshot: "lazy") }
            guard case .sandbox(.machine(.tooManyOpenFiles)) = error else { throw Unexpected(error) }
            // Enough for one sandbox and not for two.
            for filler in fillers.suffix(5) { close(filler) }
            let tasks = (0..<4).map { _ in Task { try await pool.call("hostTick", snapshot: "lazy") } }
            await untilWithoutTimers { gate.arrivalCount == 1 && pool.statistics.waiting == 3 }
            // And so it stays, also after the pool has tried again.
            usleep(300_000)
            #expect(gate.arrivalCount == 1 && pool.statistics.waiting == 3)
            gate.letThrough(4)
            for task in tasks { try await task.value }
            #expect(try await pool.call("count", snapshot: "lazy") as Int64 == 1001)
            #expect(lines.all.contains { $0.hasPrefix("warning No sandbox to be had") })
            for filler in fillers.dropLast(5) { close(filler) }
            await pool.shutdown()
        }
    }

    @Test("a sandbox that cannot be rolled back is thrown away, and calls get the error of those that cannot be made")
    func unrestorable() async throws {
        let file = try TemporaryFile(byteCount: 16 * pageByteCount)
        let sandbox = try Scribe.make(Scribe.configuration())
        try sandbox.mapFile(file.path, at: 0x2_0000_0000)
        let lines = LogLines()
        let pool = try SandboxPool(
            sandbox.snapshot(),
            configuration: .init(sandboxCount: 1...1, threadCount: 1, logger: Logger(label: "pool") { _ in lines }))
        try await pool.call("scribble", UInt64(0x2_0000_0000), UInt64(16), UInt64(1), UInt64(5))
        #expect(truncate(file.path, 0) == 0)
        _ = await poolError { _ = try await pool.call("startCount") as Int64 }
        var error = await poolError { _ = try await pool.call("startCount") as Int64 }
        if error == nil { error = await poolError { _ = try await pool.call("startCount") as Int64 } }
        guard case .sandbox(.mappedFileChanged) = error else { throw Unexpected(error) }
        #expect(pool.statistics.replacements >= 1)
        #expect(lines.all.contains { $0.hasPrefix("warning Sandbox replaced") })
        // Other snapshots are none the worse for it.
        try pool.add(Scribe.make(Scribe.configuration()).snapshot(), as: "other")
        #expect(try await pool.call("startCount", snapshot: "other") as Int64 == 1)
        await pool.shutdown()
    }

    @Test("at most ten warnings a second, and they say how many were held back")
    func logBudget() {
        var budget = LogBudget()
        let second: UInt64 = 1_000_000_000
        #expect((0..<25).compactMap { _ in budget.take(now: 5 * second) } == Array(repeating: 0, count: 10))
        #expect(budget.take(now: 6 * second) == 15)
        #expect(budget.take(now: 6 * second) == 0)
    }

    @Test("metrics tell what happened, by function and snapshot, and names that guests do not export make none")
    func metrics() async {
        await #expect(processExitsWith: .success) {
            let metrics = TestMetrics()
            MetricsSystem.bootstrap(metrics)
            let pool = try SandboxPool(
                makeHostileSnapshot(), configuration: .init(sandboxCount: 1, threadCount: 1),
                hostFunctions: makeHostFunctions())
            for _ in 0..<3 { _ = try await pool.call("add", Int64(1), Int64(2)) as Int64 }
            for _ in 0..<2 { _ = await poolError { try await pool.call("invalidOpcode") } }
            let timeouts = await expire(in: pool) { try await pool.call("spin", deadline: $0) }.count
            for number in 0..<50 { _ = await poolError { try await pool.call("unknown\(number)") } }
            try await pool.withSandbox { _ = try $0.call("add", Int64(1), Int64(2)) as Int64 }
            func labels(_ function: String) -> [(String, String)] {
                [("pool", "pool"), ("snapshot", "default"), ("function", function)]
            }
            func count(_ name: String, _ function: String) throws -> Int64 {
                try metrics.expectCounter("palimpsest_pool_\(name)", labels(function)).totalValue
            }
            // The threads tell what they did after those who called have their answers.
            let pages = try metrics.expectRecorder("palimpsest_pool_rollback_pages", Array(labels("").prefix(2)))
            let idle = try metrics.expectRecorder("palimpsest_pool_idle", [("pool", "pool")])
            await until { pages.values.count == 57 && idle.values.last == 1 }
            #expect(try count("calls", "add") == 3 && count("calls", "invalidOpcode") == 2)
            #expect(try count("faults", "invalidOpcode") == 2 && count("timeouts", "spin") == timeouts)
            #expect(try count("calls", "(other)") == 50 && count("calls", "(closure)") == 1)
            #expect(throws: (any Error).self) { try count("calls", "unknown7") }
            let duration = try metrics.expectTimer("palimpsest_pool_call_duration", labels("add"))
            #expect(duration.values.count == 3 && duration.values.allSatisfy { $0 > 0 })
            #expect(pages.values.count == 57)
            #expect(idle.values.last == 1)
            await pool.shutdown()
        }
    }
}
