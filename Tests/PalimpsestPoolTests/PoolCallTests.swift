import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Palimpsest
@testable import PalimpsestPool

/// Calls through a pool: what comes back, and what each of them starts from.
@Suite("Pool calls")
struct PoolCallTests {
    @Test("every form of call gives its result")
    func forms() async throws {
        let pool = try SandboxPool(makeBehavedSnapshot(), hostFunctions: makePoolHost())
        #expect(try await pool.call("echoString", "pool") as String == "pool")
        #expect(try await pool.call("hostAddTwice", Int64(1), Int64(2)) == Int64(5))
        try await pool.call("nothing")
        let any = try await pool.call("echoInt64", arguments: [.int64(-7)])
        #expect(any == .int64(-7))
        let sum = try await pool.withSandbox { sandbox in
            let count = try sandbox.function("count", as: (() -> Int64).self)
            let first = try sandbox.call(count)
            try sandbox.call("nothing")
            let second: Int64 = try sandbox.call("count")
            guard case .int64(let third) = try sandbox.call("count", arguments: []) else { return Int64(0) }
            return first + second + third
        }
        #expect(sum == 1001 + 1002 + 1003)
        #expect(try await pool.exports().contains { $0.name == "count" })
        let statistics = pool.statistics
        #expect(statistics.calls == 5 && statistics.faults == 0)
        await pool.shutdown()
    }

    @Test("of many calls from many tasks each starts from the snapshot, and each gets its own result")
    func isolation() async throws {
        let pool = try SandboxPool(
            makeBehavedSnapshot(), configuration: .init(sandboxCount: 1...4, threadCount: 2),
            hostFunctions: makePoolHost())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<32 {
                group.addTask(executorPreference: task % 2 == 0 ? pool.taskExecutor : nil) {
                    for round in 0..<50 {
                        let count: Int64 = try await pool.call("count")
                        let text: String = try await pool.call("echoString", "\(task) \(round)")
                        #expect(count == 1001 && text == "\(task) \(round)")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(pool.statistics.calls == 3_200)
        await pool.shutdown()
        #expect(pool.statistics.rollbacks == 3_200)
    }

    @Test("a pool of resident sandboxes answers as any other, and starts every call from the snapshot")
    func resident() async throws {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1...2, threadCount: 2)
        configuration.sandbox.registerReset = .byGuest(Residency(callsPerFullRestore: 10))
        let pool = try SandboxPool(makeBehavedSnapshot(), configuration: configuration, hostFunctions: makePoolHost())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<25 {
                        let count: Int64 = try await pool.call("count")
                        let text: String = try await pool.call("echoString", "\(task)/\(round)")
                        #expect(count == 1001 && text == "\(task)/\(round)")
                    }
                }
            }
            try await group.waitForAll()
        }
        let (error, _) = await expire(in: pool) { try await pool.call("spin", deadline: $0) }
        guard case .sandbox(.deadlineExceeded) = error else { throw Unexpected(error) }
        #expect(try await pool.call("count") as Int64 == 1001)
        await pool.shutdown()
    }

    @Test("a lent sandbox makes a batch of calls in one entry")
    func batch() async throws {
        let pool = try SandboxPool(makeBehavedSnapshot(), hostFunctions: makePoolHost())
        let counts = try await pool.withSandbox { sandbox in
            try sandbox.callBatch("count", arguments: Array(repeating: [], count: 100)).map { try $0.get() }
        }
        #expect(counts == (1001...1100).map { .int64($0) })
        await pool.shutdown()
    }

    @Test("without rollbacks a call sees what the last one left, and starts afresh after one that faulted")
    func noRollback() async throws {
        var configuration = SandboxPoolConfiguration(sandboxCount: 1, threadCount: 1)
        configuration.rollback = .never
        let pool = try SandboxPool(makeBehavedSnapshot(), configuration: configuration, hostFunctions: makePoolHost())
        #expect(try await pool.call("count") as Int64 == 1001)
        #expect(try await pool.call("count") as Int64 == 1002)
        // One that has begun: the guest's memory is in no known state then.
        let before = pool.statistics.rollbacks
        func hasRun() async -> Bool {
            await until { pool.statistics.idle == 1 }
            return pool.statistics.rollbacks > before
        }
        let (error, _) = await expire(in: pool, hasRun: hasRun) { try await pool.call("spin", deadline: $0) }
        guard case .sandbox(.deadlineExceeded) = error else { throw Unexpected(error) }
        #expect(try await pool.call("count") as Int64 == 1001)
        await pool.shutdown()
    }

    @Test("a fault is the error of its call and of no other")
    func faults() async throws {
        let pool = try SandboxPool(
            makeHostileSnapshot(), configuration: .init(sandboxCount: 1...2, threadCount: 2),
            hostFunctions: makeHostFunctions())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for round in 0..<20 {
                        if (task + round) % 3 == 0 {
                            let error = await poolError { try await pool.call("invalidOpcode") }
                            guard case .sandbox(.fault(let fault)) = error else { throw Unexpected(error) }
                            #expect(fault.vector == 6)
                        } else {
                            #expect(
                                try await pool.call("add", Int64(task), Int64(round)) as Int64 == Int64(task + round))
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(pool.statistics.calls == 320 && pool.statistics.faults == 107)
        await pool.shutdown()
    }

    @Test("a virtual machine in doubt is replaced, and the pool goes on")
    func unrecoverable() async throws {
        let pool = try SandboxPool(
            makeHostileSnapshot(), configuration: .init(sandboxCount: 1, threadCount: 1),
            hostFunctions: makeHostFunctions())
        let attacks = try await pool.exports().filter { $0.signature.arguments.isEmpty && $0.name != "spin" }
        for attack in attacks {
            _ = try? await pool.call(attack.name, arguments: [], deadline: .now + .milliseconds(200))
            #expect(try await pool.call("add", Int64(40), Int64(2)) as Int64 == 42, "after \(attack.name)")
        }
        #expect(pool.statistics.sandboxes == 1)
        await pool.shutdown()
    }

    @Test("what a call or a closure throws comes out as it is")
    func errors() async throws {
        let pool = try SandboxPool(
            makeBehavedSnapshot(), hostFunctions: makePoolHost(tick: { throw HostFailure(number: 3) }))
        var error = await poolError { try await pool.call("noSuchFunction") }
        guard case .sandbox(.unknownFunction("noSuchFunction", _)) = error else { throw Unexpected(error) }
        error = await poolError { _ = try await pool.call("count", Int64(1)) as Int64 }
        guard case .sandbox(.signatureMismatch) = error else { throw Unexpected(error) }
        error = await poolError { try await pool.call("fails", "no", UInt32(9)) }
        guard case .sandbox(.guestError("no", 9)) = error else { throw Unexpected(error) }
        error = await poolError { try await pool.call("hostTick") }
        guard case .sandbox(.hostFunction("tick", _)) = error else { throw Unexpected(error) }
        error = await poolError { try await pool.call("count", snapshot: "none") }
        guard case .unknownSnapshot("none", ["default"]) = error else { throw Unexpected(error) }
        error = await poolError { try await pool.withSandbox { _ in throw HostFailure(number: 4) } }
        guard case .body(let thrown) = error, thrown as? HostFailure == HostFailure(number: 4) else {
            throw Unexpected(error)
        }
        error = await poolError { try await pool.withSandbox { try $0.call("fails", "x", UInt32(1)) } }
        guard case .sandbox(.guestError("x", 1)) = error else { throw Unexpected(error) }
        #expect(try await pool.call("count") as Int64 == 1001)
        await pool.shutdown()
    }

    @Test("guests run on the pool's threads and on no others")
    func threads() async throws {
        let names = Mutex<Set<String>>([])
        let pool = try SandboxPool(
            makeBehavedSnapshot(), configuration: .init(sandboxCount: 1...2, threadCount: 2),
            hostFunctions: makePoolHost(tick: {
                let name = currentThreadName()
                names.withLock { _ = $0.insert(name) }
            }))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<64 { group.addTask { try? await pool.call("hostTick") } }
        }
        let seen = names.withLock { $0 }
        #expect(!seen.isEmpty && seen.isSubset(of: ["pool-0", "pool-1"]), "\(seen)")
        await pool.shutdown()
    }

    @Test("a host function that blocks holds up its own thread only")
    func blocking() async throws {
        let gate = Gate()
        let pool = try SandboxPool(
            makeBehavedSnapshot(), configuration: .init(sandboxCount: 1...2, threadCount: 2),
            hostFunctions: makePoolHost(tick: gate.pass))
        let blocked = Task { try await pool.call("hostTick") }
        await until { gate.arrivalCount == 1 }
        for _ in 0..<20 { #expect(try await pool.call("count") as Int64 == 1001) }
        #expect(pool.statistics.running == 1)
        gate.letThrough(1)
        try await blocked.value
        await pool.shutdown()
    }

    // A closure that tries to keep the sandbox does not compile; each of these lines is an error:
    //
    //     var kept: LentSandbox?
    //     try await pool.withSandbox { kept = $0 }          'borrowing' parameter cannot be consumed
    //     try await pool.withSandbox { sandbox in sandbox } LentSandbox does not conform to Copyable, nor to Sendable
    //     try await pool.withSandbox { sandbox in Task { try sandbox.call("count") as Int64 } }
    //                                                       noncopyable parameter cannot be captured by a closure
}

/// The name of the thread this runs on (proc(5), thread-self/comm).
func currentThreadName() -> String {
    guard let file = fopen("/proc/thread-self/comm", "r") else { return "" }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 64)
    guard fgets(&line, CInt(line.count), file) != nil else { return "" }
    return String(decoding: line.prefix { $0 != 10 && $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
