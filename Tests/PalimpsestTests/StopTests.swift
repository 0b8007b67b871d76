import Dispatch
import Foundation
import Glibc
import Palimpsest
import Synchronization
import TestSupport
import Testing

@Suite("Deadlines and interrupts", .serialized, .timeLimit(.minutes(20)))
struct StopTests {
    @Test("a guest that loops for ever is stopped at its deadline")
    func deadline() throws {
        for name in ["spin", "spinInHostCalls"] {
            let sandbox = try makeBehaved()
            let stopped = expire(sandbox) { try sandbox.call(name, deadline: $0) }
            guard case .deadlineExceeded = stopped else {
                Issue.record("\(name): \(String(describing: stopped))")
                continue
            }
            #expect(sandbox.status == .poisoned)
        }
    }

    @Test("a deadline already past runs nothing and poisons nothing")
    func past() throws {
        let sandbox = try makeBehaved()
        let stopped = caughtError(of: { try sandbox.call("nothing", deadline: .now - .seconds(1)) })
        guard case .deadlineExceeded = stopped else {
            Issue.record("\(String(describing: stopped))")
            return
        }
        #expect(sandbox.status == .ready && sandbox.statistics.calls == 0)
        try sandbox.call("nothing")
    }

    @Test("calls that end before their deadlines are not stopped by them later")
    func inTime() throws {
        let sandbox = try makeBehaved()
        for _ in 0..<500 { try sandbox.call("nothing", deadline: .now + .seconds(30)) }
        let rounds: UInt64 = try sandbox.call("spinFor", 20_000_000 as UInt64)
        #expect(rounds == 20_000_000)
    }

    @Test("1,000 endless calls are stopped 1,000 times by interrupts before, during and after them")
    func thousandInterrupts() throws {
        let rounds = 1_000
        let current = Mutex<InterruptHandle?>(nil)
        let isDone = Atomic<Bool>(false)
        // Fires all the time, at no particular moment: before a call, in it, between two.
        let killer = thread {
            var random = SystemRandomNumberGenerator()
            while !isDone.load(ordering: .relaxed) {
                current.withLock { _ = $0?.interrupt() }
                usleep(UInt32.random(in: 0...200, using: &random))
            }
        }
        var interrupted = 0
        for _ in 0..<rounds {
            let sandbox = try makeBehaved(small)
            current.withLock { $0 = sandbox.interruptHandle }
            if case .interrupted = caughtError(of: { try sandbox.call("spin") }) { interrupted += 1 }
            current.withLock { $0 = nil }
        }
        isDone.store(true, ordering: .relaxed)
        killer.wait()
        #expect(interrupted == rounds)
    }

    @Test("an interrupt with no call in progress says so and does not end the next call")
    func betweenCalls() throws {
        let sandbox = try makeBehaved()
        let handle = sandbox.interruptHandle
        for value in 0..<1_000 {
            #expect(!handle.interrupt())
            #expect(try sandbox.call("echoInt64", value) as Int == value)
        }
        #expect(sandbox.status == .ready)
    }

    @Test("a late interrupt never ends the next call: every stop is one that was reported")
    func lateInterrupts() throws {
        var stopped = 0
        let reported = Atomic<Int>(0)
        for round in 0..<200 {
            let sandbox = try makeBehaved(small)
            let handle = sandbox.interruptHandle
            let killer = thread {
                usleep(UInt32(round))
                if handle.interrupt() { reported.add(1, ordering: .relaxed) }
            }
            // Until the interrupt lands, if it lands in a call at all.
            do {
                for _ in 0..<20 { try sandbox.call("nothing") }
            } catch .interrupted {
                stopped += 1
            }
            killer.wait()
            if sandbox.status == .ready {
                for _ in 0..<5 { try sandbox.call("nothing") }
            }
        }
        #expect(stopped <= reported.load(ordering: .relaxed))
    }

    @Test("threads that block every signal, and Dispatch's, can be stopped too")
    func blockedSignals() throws {
        let outcomes = Mutex<[String]>([])
        @Sendable func spin() {
            do {
                let sandbox = try makeBehaved()
                let error = expire(sandbox) { try sandbox.call("spin", deadline: $0) }
                #expect(sandbox.status == .poisoned)
                outcomes.withLock { $0.append(error?.description ?? "none") }
            } catch {
                outcomes.withLock { $0.append("\(error)") }
            }
        }
        let blocked = thread {
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_SETMASK, &all, nil)
            spin()
        }
        blocked.wait()
        DispatchQueue.global().sync { spin() }
        let dispatched = DispatchSemaphore(value: 0)
        DispatchQueue.global().async {
            spin()
            dispatched.signal()
        }
        dispatched.wait()
        let expected = SandboxError.deadlineExceeded.description
        #expect(outcomes.withLock { $0 } == [expected, expected, expected])
    }

    @Test("a stop in the middle of a host call leaves nothing of it to the calls after the restore")
    func inHostCall() throws {
        let stopper = Stopper()
        var host = try makeHostFunctions()
        try host.register("stop") { () -> Void in stopper.stop() }
        let sandbox = try Sandbox(guest: .bytes(Guests.behaved), hostFunctions: host)
        let snapshot = try sandbox.snapshot()
        stopper.handle = sandbox.interruptHandle
        for round in 1...20 {
            let stopped = caughtError { _ = try sandbox.call("hostStatus", "stop", "v") as UInt32 }
            guard case .interrupted = stopped else {
                Issue.record("\(String(describing: stopped))")
                return
            }
            #expect(stopper.count == round && sandbox.status == .poisoned)
            try sandbox.restore(snapshot)
            #expect(try sandbox.call("count") == Int64(1001))
            #expect(try sandbox.call("hostAddTwice", 1 as Int64, 20 as Int64) == Int64(41))
            try sandbox.restore(snapshot)
        }
    }

    @Test("initialisers that never end are stopped at their time limit")
    func initialization() throws {
        // An entry point that is an endless loop: the exported `spin` of the same guest.
        let spin = try #require(try makeBehaved().exports.first { $0.name == "spin" })
        var bytes = Guests.behaved
        withUnsafeBytes(of: spin.function.littleEndian) { bytes.replaceSubrange(24..<32, with: $0) }
        let configuration = SandboxConfiguration(initializationTimeLimit: .milliseconds(30))
        let stopped = caughtError(of: { _ = try Sandbox(guest: .bytes(bytes), configuration: configuration) })
        guard case .deadlineExceeded = stopped else {
            Issue.record("\(String(describing: stopped))")
            return
        }
    }

    private var small: SandboxConfiguration {
        SandboxConfiguration(heapByteCount: 64 << 10, stackByteCount: 64 << 10, mailboxByteCount: 64 << 10)
    }

    /// A real thread, and the semaphore it signals at its end.
    private func thread(_ body: @escaping @Sendable () -> Void) -> DispatchSemaphore {
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            body()
            done.signal()
        }
        return done
    }
}

/// Stops the call that it is called from.
private final class Stopper: @unchecked Sendable {
    var handle: InterruptHandle?
    private(set) var count = 0

    func stop() { if handle?.interrupt() == true { count += 1 } }
}
