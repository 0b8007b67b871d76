import Logging
import Palimpsest
import PalimpsestLifecycle
import PalimpsestPool
import ServiceLifecycleTestKit
import TestSupport
import Testing

/// The end of a pool. Threads and descriptors are the process's: where they are counted, in one of its own.
@Suite("Pool shutdown")
struct PoolShutdownTests {
    @Test("a shutdown lets what waits and runs end, takes nothing new, and leaves no thread and no descriptor")
    func drains() async {
        await #expect(processExitsWith: .success) {
            let snapshot = try makeBehavedSnapshot()
            Sandbox.releaseIdleMachines()
            let before = ProcessLimit.descriptorCount
            let gate = Gate()
            let pool = try SandboxPool(
                snapshot, configuration: .init(sandboxCount: 1...2, threadCount: 2),
                hostFunctions: makePoolHost(tick: gate.pass))
            let running = (0..<2).map { _ in Task { try await pool.call("hostTick") } }
            await until { gate.arrivalCount == 2 }
            let waiting = (0..<10).map { _ in Task { try await pool.call("count") as Int64 } }
            await until { pool.statistics.waiting == 10 }
            await until { poolThreadCount == 3 }
            #expect(poolThreadCount == 3)
            let shutdown = Task { await pool.shutdown() }
            await until { !pool.isOpen }
            let error = await poolError { try await pool.call("nothing") }
            guard case .shutDown = error else { throw Unexpected(error) }
            gate.letThrough(2)
            for task in running { try await task.value }
            for task in waiting { #expect(try await task.value == 1001) }
            await shutdown.value
            // A thread that has been joined can be in /proc for a moment still.
            await until { poolThreadCount == 0 }
            #expect(poolThreadCount == 0 && pool.statistics.sandboxes == 0 && pool.statistics.memoryByteCount == 0)
            Sandbox.releaseIdleMachines()
            #expect(ProcessLimit.descriptorCount == before)
            await pool.shutdown()
            guard case .shutDown = await poolError(of: { try pool.add(snapshot, as: "new") }) else {
                throw Unexpected("open")
            }
        }
    }

    @Test("at its deadline a shutdown stops the guests and refuses what waits", .timeLimit(.minutes(20)))
    func cutsOff() async throws {
        let pool = try SandboxPool(
            makeBehavedSnapshot(), configuration: .init(sandboxCount: 1...2, threadCount: 2),
            hostFunctions: makePoolHost())
        let spinning = (0..<2).map { _ in Task { try await pool.call("spin") } }
        await until { pool.statistics.running == 2 }
        let waiting = Task { try await pool.call("nothing") }
        await until { pool.statistics.waiting == 1 }
        await pool.shutdown(deadline: .now + .milliseconds(20))
        for task in spinning + [waiting] {
            let error = await poolError { try await task.value }
            guard case .shutDown = error else { throw Unexpected(error) }
        }
        #expect(pool.statistics.sandboxes == 0)
    }

    @Test("a closure that goes on calling is stopped, too", .timeLimit(.minutes(20)))
    func cutsOffClosures() async throws {
        let pool = try SandboxPool(makeBehavedSnapshot(), hostFunctions: makePoolHost())
        let endless = Task {
            try await pool.withSandbox { sandbox in
                while true { _ = try sandbox.call("count") as Int64 }
            }
        }
        await until { pool.statistics.running == 1 }
        await pool.shutdown(deadline: .now)
        let error = await poolError { try await endless.value }
        guard case .shutDown = error else { throw Unexpected(error) }
    }

    @Test("a shutdown can be asked for by many, and be given less time later", .timeLimit(.minutes(20)))
    func again() async throws {
        let pool = try SandboxPool(makeBehavedSnapshot(), hostFunctions: makePoolHost())
        let spinning = Task { try await pool.call("spin") }
        await until { pool.statistics.running == 1 }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { await pool.shutdown() } }
            group.addTask { await pool.shutdown(deadline: .now + .seconds(3_600)) }
            await until { !pool.isOpen }
            group.addTask { await pool.shutdown(deadline: .now + .milliseconds(10)) }
        }
        let error = await poolError { try await spinning.value }
        guard case .shutDown = error else { throw Unexpected(error) }
        await pool.shutdown(deadline: .now)
    }

    @Test("a pool that nobody holds any more answers what it has, and its threads end")
    func dropped() async {
        await #expect(processExitsWith: .success) {
            let snapshot = try makeBehavedSnapshot()
            let gate = Gate()
            var pool: SandboxPool? = try SandboxPool(snapshot, hostFunctions: makePoolHost(tick: gate.pass))
            weak let dropped = pool
            let call = Task { [pool] in try await pool?.call("hostTick") }
            await until { gate.arrivalCount == 1 }
            pool = nil
            gate.letThrough(1)
            try await call.value
            await until { dropped == nil && poolThreadCount == 0 }
            #expect(dropped == nil && poolThreadCount == 0)
            // One that was never called.
            _ = try SandboxPool(snapshot, hostFunctions: makePoolHost())
            await until { poolThreadCount == 0 }
            #expect(poolThreadCount == 0)
        }
    }

    @Test("the last reference may go away on a thread of the pool's own", .timeLimit(.minutes(20)))
    func droppedInside() async throws {
        var pool: SandboxPool? = try SandboxPool(makeBehavedSnapshot(), hostFunctions: makePoolHost())
        let task = Task(executorPreference: pool?.taskExecutor) { [pool] in try await pool?.call("count") as Int64? }
        pool = nil
        #expect(try await task.value == 1001)
    }

    @Test("tasks on a pool's threads go on after its shutdown, on others", .timeLimit(.minutes(20)))
    func taskExecutor() async throws {
        let pool = try SandboxPool(makeBehavedSnapshot(), hostFunctions: makePoolHost())
        let task = Task(executorPreference: pool.taskExecutor) {
            // A job that the pool's threads come to too late runs on Swift's own; then the next one may be in time.
            while !currentThreadName().hasPrefix("pool-") { await Task.yield() }
            await pool.shutdown()
            await Task.yield()
            return currentThreadName()
        }
        #expect(!(await task.value).hasPrefix("pool-"))
        #expect(await Task(executorPreference: pool.taskExecutor) { 7 }.value == 7)
    }

    @Test("a task on a pool's threads can stop a guest that has them all", .timeLimit(.minutes(20)))
    func cancelsFromPool() async throws {
        let pool = try SandboxPool(
            makeBehavedSnapshot(), configuration: .init(sandboxCount: 1, threadCount: 1), hostFunctions: makePoolHost())
        let error = await Task(executorPreference: pool.taskExecutor) {
            let spinning = Task { await poolError { try await pool.call("spin") } }
            await until { pool.statistics.running == 1 }
            spinning.cancel()
            return await spinning.value
        }.value
        guard case .cancelled(whileRunning: true) = error else { throw Unexpected(error) }
        await pool.shutdown()
    }

    @Test("as a service, a pool drains at graceful shutdown", .timeLimit(.minutes(20)))
    func service() async throws {
        let pool = try SandboxPool(makeBehavedSnapshot(), hostFunctions: makePoolHost())
        let service = SandboxPoolService(pool, drainTimeLimit: .milliseconds(50))
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                #expect(try await pool.call("count") as Int64 == 1001)
                let spinning = Task { try await pool.call("spin") }
                await until { pool.statistics.running == 1 }
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
                let error = await poolError { try await spinning.value }
                guard case .shutDown = error else { throw Unexpected(error) }
            }
        }
        #expect(!pool.isOpen && pool.statistics.sandboxes == 0)
    }
}
