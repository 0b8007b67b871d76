import Foundation
import Glibc
import Palimpsest
import PalimpsestPool
import Synchronization
import TestSupport
import Testing

/// A pool under load in which much goes wrong, for 20 seconds, or as many as `PALIMPSEST_SOAK_SECONDS` says. The
/// benchmark has one of ten minutes: `palimpsest-bench soak --seconds 600`.
@Suite("Pool soak")
struct PoolSoakTests {
    @Test(
        "under load, faults, deadlines, cancellations and host errors every call is answered rightly, and nothing grows"
    )
    func soak() async {
        await #expect(processExitsWith: .success) {
            let text = ProcessInfo.processInfo.environment["PALIMPSEST_SOAK_SECONDS"]
            let duration = Duration.seconds(text.flatMap { Int($0) } ?? 20)
            let pool = try SandboxPool(
                makeBehavedSnapshot(), configuration: .init(sandboxCount: 1...4, threadCount: 2),
                hostFunctions: Soak.hostFunctions())
            try pool.add(makeHostileSnapshot(), as: "hostile")
            let end = ContinuousClock.now + duration
            async let soak = Soak(pool).run(taskCount: 64, until: end)
            try await Task.sleep(for: duration / 4)
            let before = ProcessUse.now
            let tally = await soak
            let after = ProcessUse.now
            // Who was answered at a deadline may have been so before the thread was back.
            await until { pool.statistics.running == 0 }
            let statistics = pool.statistics
            #expect(tally.started == tally.answered && tally.wrong == [])
            #expect(tally.byKind.allSatisfy { $0.value > 0 } && tally.byKind.count == Soak.Kind.allCases.count)
            #expect(statistics.running == 0 && statistics.waiting == 0)
            #expect(after.descriptorCount <= before.descriptorCount + 8, "\(before) \(after)")
            #expect(after.poolThreadCount == before.poolThreadCount, "\(before) \(after)")
            // Dispatch starts and ends threads as it sees fit.
            #expect(after.otherThreadCount <= before.otherThreadCount + 4, "\(before) \(after)")
            #expect(after.mappingCount <= before.mappingCount + 32, "\(before) \(after)")
            #expect(after.residentByteCount <= before.residentByteCount + 24 << 20, "\(before) \(after)")
            await pool.shutdown()
            await until { poolThreadCount == 0 }
            #expect(poolThreadCount == 0)
        }
    }
}

/// What this process has in use.
struct ProcessUse {
    let descriptorCount: Int
    let poolThreadCount: Int
    /// All but the pool's, and those that the kernel has for each virtual machine.
    let otherThreadCount: Int
    let mappingCount: Int
    let residentByteCount: Int

    static var now: ProcessUse {
        let status = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let resident = status.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        let threads = threadNames().filter { !$0.hasPrefix("kvm-") }
        let poolThreads = threads.count { $0.hasPrefix("pool-") }
        return ProcessUse(
            descriptorCount: ProcessLimit.descriptorCount, poolThreadCount: poolThreads,
            otherThreadCount: threads.count - poolThreads,
            mappingCount: ProcessMaps.lines().count, residentByteCount: resident * 4_096)
    }
}

/// Tasks that call, each for itself, and know what each answer has to be.
final class Soak: Sendable {
    enum Kind: CaseIterable { case value, text, hostCall, hostError, fault, timeout, cancellation, closure }

    struct Tally {
        var started = 0
        var answered = 0
        var byKind: [Kind: Int] = [:]
        var wrong: [String] = []
    }

    private let pool: SandboxPool
    private let tally = Mutex(Tally())

    init(_ pool: SandboxPool) { self.pool = pool }

    /// `add` throws where its first argument ends in 3.
    static func hostFunctions() throws -> HostFunctions {
        try makePoolHost(add: { left, right in
            if left % 10 == 3 { throw HostFailure(number: 3) }
            return left &+ right
        })
    }

    func run(taskCount: Int, until end: ContinuousClock.Instant) async -> Tally {
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<taskCount {
                group.addTask(executorPreference: number % 4 == 0 ? pool.taskExecutor : nil) {
                    var generator = SplitMix(state: UInt64(number))
                    while ContinuousClock.now < end { await self.step(&generator) }
                }
            }
        }
        return tally.withLock { $0 }
    }

    /// One call of a kind by chance, and whether its answer is right.
    private func step(_ generator: inout SplitMix) async {
        let kind: Kind
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<5: kind = .fault
        case 5..<10: kind = .timeout
        case 10..<15: kind = .cancellation
        case 15..<25: kind = .hostError
        case 25..<35: kind = .closure
        case 35..<50: kind = .hostCall
        case 50..<75: kind = .text
        default: kind = .value
        }
        let number = Int64.random(in: 0..<100_000, using: &generator)
        tally.withLock { $0.started += 1 }
        let complaint = await perform(kind, number)
        tally.withLock { tally in
            tally.answered += 1
            tally.byKind[kind, default: 0] += 1
            if let complaint, tally.wrong.count < 10 { tally.wrong.append("\(kind) \(number): \(complaint)") }
        }
    }

    /// nil if the answer is right.
    private func perform(_ kind: Kind, _ number: Int64) async -> String? {
        let answer: Result<String, SandboxPoolError>
        do throws(SandboxPoolError) {
            answer = .success(try await call(kind, number))
        } catch {
            answer = .failure(error)
        }
        switch (kind, answer) {
        case (.value, .success("1001")), (.hostCall, .success("\(number / 10 * 10 + 2)")),
            (.text, .success("text \(number)")),
            (.closure, .success("1001 1002")), (.hostError, .failure(.sandbox(.hostFunction("add", _)))),
            (.fault, .failure(.sandbox(.fault))), (.timeout, .failure(.sandbox(.deadlineExceeded))),
            (.timeout, .failure(.deadlineExceededInQueue)), (.cancellation, .failure(.cancelled)):
            return nil
        default: return "\(answer)"
        }
    }

    private func call(_ kind: Kind, _ number: Int64) async throws(SandboxPoolError) -> String {
        switch kind {
        case .value: return "\(try await pool.call("count") as Int64)"
        case .text: return try await pool.call("echoString", "text \(number)")
        case .hostCall: return "\(try await pool.call("hostAddTwice", number / 10 * 10, Int64(1)) as Int64)"
        case .hostError: return "\(try await pool.call("hostAddTwice", number / 10 * 10 + 3, Int64(1)) as Int64)"
        case .fault: try await pool.call("invalidOpcode", snapshot: "hostile")
        case .timeout: try await pool.call("spin", deadline: .now + .milliseconds(1))
        case .cancellation: try await cancel(after: .microseconds(number % 2_000))
        case .closure:
            return try await pool.withSandbox { sandbox in
                "\(try sandbox.call("count") as Int64) \(try sandbox.call("count") as Int64)"
            }
        }
        return ""
    }

    /// Cancels a call that would never end, be it in the queue or running.
    private func cancel(after delay: Duration) async throws(SandboxPoolError) {
        let task = Task { () -> SandboxPoolError? in
            do throws(SandboxPoolError) {
                try await pool.call("spin")
                return nil
            } catch {
                return error
            }
        }
        try? await Task.sleep(for: delay)
        task.cancel()
        if let error = await task.value { throw error }
    }
}
