import Foundation
import Palimpsest
import PalimpsestPool
import Synchronization

extension Suite {
    /// A pool under load in which much goes wrong, `--seconds` long. Not among the suites that run if none is named.
    static let soak = Suite(
        name: "soak", summary: "64 tasks, 5% faults, 5% timeouts, 5% cancellations, host errors; --seconds long"
    ) { effort in
        var host = HostFunctions()
        try host.register("hostAdd") { (a: Int64, b: Int64) throws -> Int64 in
            if a % 10 == 3 { throw BenchmarkError.wrongResult }
            return a &+ b
        }
        let sandbox = try Sandbox(guest: BenchGuest.source(), hostFunctions: host)
        try sandbox.call("fillPages", UInt64(64))
        let pool = try SandboxPool(
            sandbox.snapshot(), configuration: .init(sandboxCount: 1...4, threadCount: 2), hostFunctions: host)
        let soak = Soak(pool)
        let end = ContinuousClock.now + .seconds(effort.soakSeconds)
        let uses = try wait {
            async let finished: Void = soak.run(taskCount: 64, until: end)
            let progress = Task { await soak.reportProgress(every: .seconds(10), of: effort.soakSeconds) }
            defer { progress.cancel() }
            // The first tenth brings everything into use that is going to be.
            try await Task.sleep(for: .seconds(effort.soakSeconds) / 10)
            let before = try ProcessUse.now()
            await finished
            return (before: before, after: try ProcessUse.now())
        }
        let statistics = pool.statistics
        try wait { await pool.shutdown() }
        note("soak: \(soak.summary)")
        note("soak: the pool made \(statistics.rollbacks) rollbacks and \(statistics.replacements) replacements")
        note("soak: in use after a tenth of the time: \(uses.before)")
        note("soak: in use at the end:                \(uses.after)")
        try BenchGuest.check(soak.isRight)
        return Report(amounts: uses.after.amounts(since: uses.before))
    }
}

/// What this process has in use.
private struct ProcessUse: CustomStringConvertible {
    let descriptors: Int
    let threads: Int
    let mappings: Int
    let residentByteCount: Int

    static func now() throws -> ProcessUse {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return ProcessUse(
            descriptors: try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count,
            threads: try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count,
            mappings: try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n").count,
            residentByteCount: (pages.dropFirst().first.flatMap { Int($0) } ?? 0) * 4096)
    }

    var description: String {
        "\(descriptors) descriptors, \(threads) threads, \(mappings) mappings, \(residentByteCount / 1024) KiB resident"
    }

    func amounts(since before: ProcessUse) -> [Amount] {
        [
            Amount("soak/descriptors", descriptors, over: before.descriptors, unit: "count"),
            Amount("soak/threads", threads, over: before.threads, unit: "count"),
            Amount("soak/mappings", mappings, over: before.mappings, unit: "count"),
            Amount("soak/resident", residentByteCount, over: before.residentByteCount),
        ]
    }
}

/// Tasks that call, each for itself, and know what each answer has to be.
private final class Soak: Sendable {
    private enum Kind: CaseIterable { case value, hostCall, hostError, fault, timeout, cancellation }

    private struct Tally: CustomStringConvertible {
        var started = 0
        var answered = 0
        var wrong = 0
        var byKind: [Kind: Int] = [:]

        var description: String {
            let kinds = Kind.allCases.map { "\(byKind[$0] ?? 0) \($0)" }.joined(separator: ", ")
            return "\(answered) of \(started) calls answered, \(wrong) wrongly (\(kinds))"
        }
    }

    private let pool: SandboxPool
    private let tally = Mutex(Tally())

    init(_ pool: SandboxPool) { self.pool = pool }

    var isRight: Bool { tally.withLock { $0.wrong == 0 && $0.started == $0.answered } }
    var summary: String { tally.withLock { $0.description } }

    /// A line every so often, until the task is cancelled.
    func reportProgress(every interval: Duration, of seconds: Int) async {
        let start = ContinuousClock.now
        while (try? await Task.sleep(for: interval)) != nil {
            note("soak: \((ContinuousClock.now - start).components.seconds) of \(seconds) s: \(summary)")
        }
    }

    func run(taskCount: Int, until end: ContinuousClock.Instant) async {
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<taskCount {
                group.addTask(executorPreference: number % 4 == 0 ? pool.taskExecutor : nil) {
                    while ContinuousClock.now < end { await self.step() }
                }
            }
        }
    }

    private func step() async {
        let kind: Kind =
            switch Int.random(in: 0..<100) {
            case 0..<5: .fault
            case 5..<10: .timeout
            case 10..<15: .cancellation
            case 15..<25: .hostError
            case 25..<50: .hostCall
            default: .value
            }
        let number = Int64.random(in: 0..<100_000)
        tally.withLock { $0.started += 1 }
        let isRight = await perform(kind, number)
        tally.withLock { tally in
            tally.answered += 1
            tally.byKind[kind, default: 0] += 1
            if !isRight { tally.wrong += 1 }
        }
    }

    private func perform(_ kind: Kind, _ number: Int64) async -> Bool {
        let even = number / 10 * 10
        do throws(SandboxPoolError) {
            switch kind {
            case .value: return try await pool.call("add", number, Int64(2)) == number + 2
            case .hostCall: return try await pool.call("addOnHost", even, Int64(2)) == even + 2
            case .hostError: return try await pool.call("addOnHost", even + 3, Int64(2)) == Int64(0)
            case .fault: try await pool.call("crash")
            case .timeout: try await pool.call("spin", deadline: .now + .milliseconds(1))
            case .cancellation: try await cancel(after: .microseconds(number % 2_000))
            }
            return false
        } catch {
            return switch (kind, error) {
            case (.hostError, .sandbox(.hostFunction)), (.fault, .sandbox(.fault)),
                (.timeout, .deadlineExceededInQueue),
                (.timeout, .sandbox(.deadlineExceeded)), (.cancellation, .cancelled):
                true
            default: false
            }
        }
    }

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

private func note(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
