import CPalimpsest
import Foundation
import Glibc
import MicroVM
import Palimpsest
import Synchronization
import TestSupport
import Testing

/// Resident calls that are stopped, sandboxes that go away, and many of them at once.
@Suite("Resident calls that end otherwise", .serialized, .timeLimit(.minutes(20)))
struct ResidentStopTests {
    private static func make(_ configuration: SandboxConfiguration = Resident.configuration()) throws -> Sandbox {
        try makeBehaved(configuration)
    }

    @Test(
        "a call that never ends is stopped at its deadline, in the guest and in host calls",
        arguments: [
            "spin", "spinInHostCalls",
        ])
    func deadline(name: String) throws {
        let sandbox = try ResidentStopTests.make()
        let snapshot = try sandbox.snapshot()
        for _ in 0..<10 {
            let stopped = expire(sandbox) { try sandbox.call(name, deadline: $0) }
            guard case .deadlineExceeded = stopped else {
                Issue.record("\(String(describing: stopped))")
                return
            }
            #expect(sandbox.status == .poisoned)
            guard case .poisoned = caughtError(of: { try sandbox.call("nothing") }) else {
                Issue.record("a poisoned sandbox took a call")
                return
            }
            #expect(try sandbox.restore(snapshot).isFull)
            #expect(try sandbox.call("count") == Int64(1001))
            try sandbox.restore(snapshot)
        }
    }

    @Test("calls that end before their deadlines are not stopped by them later")
    func inTime() throws {
        let sandbox = try ResidentStopTests.make()
        for value in 0..<2_000 {
            #expect(try sandbox.call("echoInt64", value, deadline: .now + .seconds(30)) == value)
        }
        usleep(3_000)
        #expect(try sandbox.call("spinFor", UInt64(2_000_000)) == UInt64(2_000_000))
    }

    @Test("interrupts at random moments stop a call that runs, whatever it does, and never the next")
    func randomInterrupts() throws {
        let sandbox = try ResidentStopTests.make()
        let snapshot = try sandbox.snapshot()
        let handle = sandbox.interruptHandle
        let killer = Killer(handle)
        killer.start()
        var random = SplitMix(state: 2)
        var stopped = 0
        for round in 0..<3_000 {
            let error = callSomething(sandbox, round, random.next() % 16)
            if error == SandboxError.interrupted.description { stopped += 1 }
            #expect(error == nil || error == SandboxError.interrupted.description)
            if sandbox.status != .ready || random.next() % 4 == 0 { try sandbox.restore(snapshot) }
        }
        let reported = killer.stop()
        #expect(stopped > 0 && stopped <= reported)
        #expect(!handle.interrupt())
        for value in 0..<100 { #expect(try sandbox.call("echoInt64", value) == value) }
    }

    /// - Returns: how the call failed.
    private func callSomething(_ sandbox: Sandbox, _ round: Int, _ kind: UInt64) -> String? {
        do throws(SandboxError) {
            switch kind {
            case 0: try sandbox.call("spin")
            case 1: try sandbox.call("hostTick")
            case 2:
                let bytes: [UInt8] = try sandbox.call("fill", UInt64(5000), UInt8(1))
                #expect(bytes == [UInt8](repeating: 1, count: 5000))
            default:
                let value: Int = try sandbox.call("echoInt64", round)
                #expect(value == round)
            }
            return nil
        } catch {
            return error.description
        }
    }

    @Test("an interrupt with no call in progress says so and does not end the next call")
    func betweenCalls() throws {
        let sandbox = try ResidentStopTests.make(Resident.configuration(parkAfter: .milliseconds(1)))
        let handle = sandbox.interruptHandle
        for value in 0..<500 {
            #expect(!handle.interrupt())
            #expect(try sandbox.call("echoInt64", value) == value)
            if value % 100 == 0 { usleep(4_000) }
        }
        #expect(sandbox.status == .ready)
    }

    @Test("calls that come just as the guest is being parked are answered")
    func parkingRace() throws {
        let sandbox = try ResidentStopTests.make(Resident.configuration(parkAfter: .milliseconds(1)))
        let snapshot = try sandbox.snapshot()
        var random = SplitMix(state: 3)
        for value in 0..<400 {
            #expect(try sandbox.call("echoInt64", value, deadline: .now + .seconds(20)) == value)
            if value % 3 == 0 { try sandbox.restore(snapshot) }
            usleep(UInt32(800 + random.next() % 1600))
        }
    }

    @Test("many resident sandboxes on a few cores all answer, whoever calls")
    func many() async throws {
        let snapshot = try ResidentStopTests.make().snapshot()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<12 {
                group.addTask {
                    try await onThread {
                        let sandbox = try Sandbox(
                            from: snapshot, configuration: Resident.configuration(parkAfter: .milliseconds(2)),
                            hostFunctions: makeHostFunctions())
                        for round in 0..<60 {
                            #expect(try sandbox.call("echoInt64", index * 1000 + round) == index * 1000 + round)
                            #expect(try sandbox.call("count") == Int64(1001))
                            if round % 20 == 7 {
                                _ = try? sandbox.call("spin", deadline: .now + .milliseconds(2))
                            }
                            try sandbox.restore(snapshot)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    // MARK: - Everything else a sandbox does

    @Test("snapshots, mapped files, other snapshots, relatives and strategies: each is right, registers too")
    func everythingElse() throws {
        let file = try TemporaryFile(byteCount: 9_000)
        let sandbox = try Fuzzer.makeSandbox(.automatic, .byGuest(Residency(parkAfter: .seconds(600))))
        let unrelated = try Fuzzer.makeSandbox(.automatic)
        try unrelated.call("run", UInt64(5), UInt32(30), UInt32(0), UInt64(0), UInt64(0))
        var witnesses = [try Fuzzer.witness(sandbox), try Fuzzer.witness(unrelated)]
        for seed in 1...3 {
            try sandbox.call("run", UInt64(seed), UInt32(30), UInt32(0), UInt64(0), UInt64(0))
            if seed == 2 { try sandbox.mapFile(file.path, at: 0x2_0000_0000) }
            witnesses.append(try Fuzzer.witness(sandbox))
        }
        var random = SplitMix(state: 4)
        for round in 0..<60 {
            sandbox.rollbackStrategy = try #require(RollbackStrategy.allCases.randomElement(using: &random))
            let witness = try #require(witnesses.randomElement(using: &random))
            if round % 10 == 9 {
                sandbox.markUnrecoverable()
            }
            try sandbox.restore(witness.snapshot)
            #expect(try witness.oracle.differences(sandbox) == [], "round \(round)")
            #expect(try sandbox.call("state") == witness.registers, "round \(round)")
            try sandbox.call("run", random.next(), UInt32(20), UInt32(0), UInt64(0), UInt64(0))
            try sandbox.restore(witness.snapshot)
            #expect(try witness.oracle.differences(sandbox) == [], "round \(round), again")
        }
    }

    @Test("whatever state it is in, a sandbox that goes leaves no thread, no descriptor and no mapping")
    func gone() async {
        await #expect(processExitsWith: .success) {
            let host = try makeHostFunctions()
            let snapshot = try makeBehaved(Resident.configuration()).snapshot()
            let usurper = try Resident.usurper(Resident.small).snapshot()
            let states: [(String, Snapshot, (Sandbox) throws -> Void)] = [
                ("not called", snapshot, { _ in }),
                ("waiting", snapshot, { try $0.call("nothing") }),
                (
                    "parked", snapshot,
                    { sandbox in
                        try sandbox.call("nothing")
                        #expect(becomesTrue { sandbox.resident?.isRunning == false })
                    }
                ),
                (
                    "restored", snapshot,
                    {
                        try $0.call("nothing")
                        try $0.restore(snapshot)
                    }
                ),
                ("stopped", snapshot, { sandbox in expire(sandbox) { try sandbox.call("spin", deadline: $0) } }),
                (
                    "broken", snapshot,
                    { sandbox in
                        try sandbox.call("nothing")
                        sandbox.markUnrecoverable()
                    }
                ),
                (
                    "replaced", snapshot,
                    { sandbox in
                        try sandbox.call("nothing")
                        sandbox.markUnrecoverable()
                        try sandbox.restore(snapshot)
                    }
                ),
                ("faulted", usurper, { _ = try? $0.call("goOn", UInt32(2), UInt64(0)) as UInt64 }),
                (
                    "faulted since", usurper,
                    {
                        _ =
                            try $0.call("replyAndGoOn", UInt64(1), UInt32(2), UInt64(0), deadline: .now + .seconds(60))
                            as UInt64
                    }
                ),
                (
                    "running on", usurper,
                    {
                        _ =
                            try $0.call("replyAndGoOn", UInt64(1), UInt32(0), UInt64(0), deadline: .now + .seconds(60))
                            as UInt64
                    }
                ),
            ]
            // The watchdog, once a process.
            try Sandbox(from: snapshot, configuration: Resident.configuration(), hostFunctions: host).call("nothing")
            Sandbox.releaseIdleMachines()
            func mappings() -> Int { ProcessMaps.lines().count { $0.contains("kvm") || $0.contains("palimpsest") } }
            let before = (ProcessLimit.descriptorCount, mappings())
            var handles: [InterruptHandle] = []
            for (name, snapshot, prepare) in states {
                for _ in 0..<3 {
                    let sandbox = try Sandbox(
                        from: snapshot, configuration: Resident.configuration(parkAfter: .milliseconds(1)),
                        hostFunctions: host)
                    pal_thread_set_name(try #require(sandbox.resident).thread, Resident.threadName)
                    // Whoever may still want to stop it does not keep it.
                    handles.append(sandbox.interruptHandle)
                    try prepare(sandbox)
                }
                Sandbox.releaseIdleMachines()
                // A thread that has been joined can be listed for a moment still.
                #expect(becomesTrue { Resident.threadCount == 0 }, "\(name)")
                #expect((ProcessLimit.descriptorCount, mappings()) == before, "\(name)")
            }
            for handle in handles { #expect(!handle.interrupt()) }
        }
    }

    @Test("without memory for a thread a resident sandbox is an error, and leaks nothing")
    func noThread() async {
        await #expect(processExitsWith: .success) {
            let host = try makeHostFunctions()
            let snapshot = try makeBehaved(Resident.small).snapshot()
            // Its machine is kept, so that what is missing is the thread's stack.
            _ = try Sandbox(from: snapshot, hostFunctions: host)
            let before = ProcessLimit.descriptorCount
            for _ in 0..<3 {
                let error = try ProcessLimit.limiting(addressSpace: ProcessLimit.addressSpaceByteCount + 2 << 20) {
                    caughtError {
                        _ = try Sandbox(from: snapshot, configuration: Resident.configuration(), hostFunctions: host)
                    }
                }
                guard case .machine = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
            }
            #expect(ProcessLimit.descriptorCount == before)
            let sandbox = try Sandbox(from: snapshot, configuration: Resident.configuration(), hostFunctions: host)
            #expect(try sandbox.call("count") == Int64(1001))
        }
    }
}

/// Interrupts all the time, at no particular moment, on a thread of its own.
private final class Killer: Sendable {
    private let handle: InterruptHandle
    private let isDone = Atomic<Bool>(false)
    private let reported = Atomic<Int>(0)
    private let ended = DispatchSemaphore(value: 0)

    init(_ handle: InterruptHandle) { self.handle = handle }

    func start() {
        Thread.detachNewThread { [self] in
            var random = SplitMix(state: 1)
            while !isDone.load(ordering: .relaxed) {
                if handle.interrupt() { reported.add(1, ordering: .relaxed) }
                usleep(UInt32(random.next() % 150))
            }
            ended.signal()
        }
    }

    /// - Returns: how many interrupts said that they had stopped a call.
    func stop() -> Int {
        isDone.store(true, ordering: .relaxed)
        ended.wait()
        return reported.load(ordering: .relaxed)
    }
}
