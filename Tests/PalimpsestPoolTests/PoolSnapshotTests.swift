import Synchronization
import TestSupport
import Testing

@testable import Palimpsest
@testable import PalimpsestPool

/// Several snapshots in one pool, and how they share its room.
@Suite("Pool snapshots")
struct PoolSnapshotTests {
    @Test("each snapshot's calls run in its own state, though sandboxes are fewer than snapshots")
    func several() async throws {
        let pool = try SandboxPool(
            configuration: .init(sandboxCount: 1...2, threadCount: 2), hostFunctions: makePoolHost())
        for number in 1...5 {
            let sandbox = try makeBehaved(smallConfiguration)
            for _ in 0..<number { _ = try sandbox.call("count") as Int64 }
            try pool.add(sandbox.snapshot(), as: "s\(number)")
        }
        #expect(pool.snapshotNames == ["s1", "s2", "s3", "s4", "s5"])
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<10 {
                group.addTask {
                    for round in 0..<20 {
                        let number = (task + round) % 5 + 1
                        let count = try? await pool.call("count", snapshot: "s\(number)") as Int64
                        #expect(count == Int64(1_001 + number))
                    }
                }
            }
        }
        #expect(pool.statistics.sandboxes <= 2 && pool.statistics.evictions >= 3)
        await pool.shutdown()
    }

    @Test("a snapshot is loaded when first called, once for all who wait, and a load that fails is tried again")
    func loading() async throws {
        let snapshot = try makeBehavedSnapshot()
        let loads = Mutex(0)
        let pool = try SandboxPool(hostFunctions: makePoolHost())
        try pool.add("lazy") {
            let load = loads.withLock { loads in
                loads += 1
                return loads
            }
            if load == 1 { throw HostFailure(number: 1) }
            return snapshot
        }
        let error = await poolError { try await pool.call("nothing", snapshot: "lazy") }
        guard case .snapshotUnloadable("lazy", let cause) = error, cause is HostFailure else { throw Unexpected(error) }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<10 {
                group.addTask { #expect((try? await pool.call("count", snapshot: "lazy") as Int64) == 1001) }
            }
        }
        #expect(loads.withLock { $0 } == 2)
        #expect(try await pool.exports(of: "lazy") == snapshot.exports)
        await pool.shutdown()
    }

    @Test("a snapshot whose host functions are not given is refused: when added, or when loaded")
    func hostFunctions() async throws {
        let snapshot = try makeBehavedSnapshot()
        let pool = try SandboxPool()
        var error = await poolError { try pool.add(snapshot, as: "a") }
        guard case .sandbox(.hostFunctionRequired) = error else { throw Unexpected(error) }
        try pool.add("b") { snapshot }
        error = await poolError { try await pool.call("nothing", snapshot: "b") }
        guard case .sandbox(.hostFunctionRequired) = error else { throw Unexpected(error) }
        error = await poolError { _ = try SandboxPool(snapshot) }
        guard case .sandbox(.hostFunctionRequired) = error else { throw Unexpected(error) }
        await pool.shutdown()
    }

    @Test("a name is taken once; a removed snapshot's waiting calls are refused, its running ones go on")
    func names() async throws {
        let blocked = try await BlockedPool()
        let pool = blocked.pool
        let snapshot = try makeBehavedSnapshot()
        var error = await poolError { try pool.add(snapshot, as: "default") }
        guard case .snapshotNameTaken("default") = error else { throw Unexpected(error) }
        let waiting = Task { try await pool.call("nothing") }
        await until { pool.statistics.waiting == 1 }
        pool.remove("default")
        pool.remove("default")
        error = await poolError { try await waiting.value }
        guard case .unknownSnapshot("default", []) = error else { throw Unexpected(error) }
        try await blocked.release()
        await until { pool.statistics.sandboxes == 0 }
        #expect(pool.statistics.sandboxes == 0 && pool.statistics.memoryByteCount == 0)
        try pool.add(snapshot, as: "default")
        #expect(try await pool.call("count") as Int64 == 1001)
        await pool.shutdown()
    }

    @Test("under the memory limit the least recently used sandboxes and loaded snapshots go, and come back when called")
    func memoryLimit() async throws {
        let loads = Mutex<[Int: Int]>([:])
        // Each with a layer of 2 MiB of its own.
        let snapshots = try (0..<4).map { _ in
            let sandbox = try Scribe.make(Scribe.configuration(heapPageCount: 1_024))
            _ = try sandbox.fill(pages: 512)
            return try sandbox.snapshot()
        }
        let sandboxByteCount = PooledSandbox.machineByteCount + 128 << 10
        var configuration = SandboxPoolConfiguration(sandboxCount: 1...8, threadCount: 1)
        let limit = 2 * (snapshots[0].byteCount + sandboxByteCount)
        configuration.memoryLimit = limit
        let pool = try SandboxPool(configuration: configuration)
        for (number, snapshot) in snapshots.enumerated() {
            try pool.add("s\(number)") {
                loads.withLock { $0[number, default: 0] += 1 }
                return snapshot
            }
        }
        for number in [0, 1, 2, 3, 3, 0, 3] {
            #expect(try await pool.call("startCount", snapshot: "s\(number)") as Int64 == 1)
            await until { pool.statistics.memoryByteCount <= limit }
            #expect(pool.statistics.memoryByteCount <= limit)
        }
        #expect(loads.withLock { $0 } == [0: 2, 1: 1, 2: 1, 3: 1])
        #expect(pool.statistics.evictions > 0)
        await pool.shutdown()
    }

    @Test("a memory limit that not even one sandbox fits is an error of its calls")
    func memoryLimitTooSmall() async throws {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1, threadCount: 1)
        configuration.memoryLimit = PooledSandbox.expectedByteCount
        let pool = try SandboxPool(makeBehavedSnapshot(), configuration: configuration, hostFunctions: makePoolHost())
        let error = await poolError { try await pool.call("nothing") }
        guard case .memoryLimitReached(let byteCount, let limit) = error else { throw Unexpected(error) }
        #expect(limit == PooledSandbox.expectedByteCount && byteCount > limit)
        await pool.shutdown()
    }

    @Test("memory that calls have written counts, and the sandbox that has too much of it goes")
    func writtenMemory() async throws {
        let sandbox = try Scribe.make(Scribe.configuration(heapPageCount: 4_096))
        let pages = try sandbox.fill(pages: 1_024)
        let snapshot = try sandbox.snapshot()
        var configuration = SandboxPoolConfiguration(sandboxCount: 1, threadCount: 1)
        configuration.memoryLimit = snapshot.byteCount + 3 << 20
        let pool = try SandboxPool(snapshot, configuration: configuration)
        let before = pool.statistics.evictions
        for _ in 0..<3 {
            try await pool.withSandbox { lent in
                try lent.call("scribble", pages, UInt64(1_024), UInt64(1), UInt64(7))
            }
        }
        await until { pool.statistics.evictions > before }
        #expect(pool.statistics.evictions > before)
        await pool.shutdown()
    }

    @Test("sandboxes that nobody needs any more are closed, down to the lower bound")
    func scaling() async throws {
        let gate = Gate()
        var configuration = SandboxPoolConfiguration(sandboxCount: 1...4, threadCount: 4)
        configuration.idleTimeLimit = .milliseconds(50)
        let pool = try SandboxPool(
            makeBehavedSnapshot(), configuration: configuration, hostFunctions: makePoolHost(tick: gate.pass))
        // The lower bound is made without a call.
        await until { pool.statistics.idle == 1 }
        #expect(pool.statistics.idle == 1)
        let tasks = (0..<4).map { _ in Task { try await pool.call("hostTick") } }
        await until { gate.arrivalCount == 4 }
        #expect(pool.statistics.sandboxes == 4 && pool.statistics.running == 4)
        gate.letThrough(4)
        for task in tasks { try await task.value }
        await until { pool.statistics.sandboxes == 1 }
        #expect(pool.statistics.sandboxes == 1 && pool.statistics.evictions == 3)
        await pool.shutdown()
    }
}
