import CPalimpsest
import Foundation
import MicroVM
import Palimpsest
import PalimpsestPool
import TestSupport
import Testing
import ThreadState

/// Everything of the processor that code in ring 3 can read, or that changes what its instructions do, begins the same
/// for every call, whatever the call before has done to it and however that ended: the table in docs/security.md.
@Suite("What a call leaves in the processor")
struct LeftoverTests {
    static func configuration(_ registerReset: RegisterReset = .byHost) -> SandboxConfiguration {
        var configuration = smallConfiguration
        configuration.registerReset = registerReset
        configuration.copiesWriteSet = false
        return configuration
    }

    static func makeSandbox(_ registerReset: RegisterReset = .byHost) throws -> Sandbox {
        try Sandbox(guest: .bytes(Guests.leftovers), configuration: configuration(registerReset))
    }

    /// Has the guest change one thing and end; what becomes of that call is its own business.
    static func change(_ leftover: Leftover, _ value: UInt64, _ ending: Leftover.Ending, in sandbox: Sandbox) {
        var patience: UInt32 = 100
        // On a busy machine it can be stopped before it has changed anything.
        while !isChanged(leftover, value, ending, after: patience, in: sandbox), patience < 1_000_000 {
            patience *= 2
            _ = try? sandbox.restore(sandboxStart(sandbox))
        }
        #expect(patience < 1_000_000, "\(leftover), \(ending)")
    }

    /// - Parameter patience: microseconds between two attempts to interrupt the call; its deadline is 20 times as long.
    /// - Returns: false if the guest was stopped on its way to where it waits for that.
    private static func isChanged(
        _ leftover: Leftover, _ value: UInt64, _ ending: Leftover.Ending, after patience: UInt32, in sandbox: Sandbox
    ) -> Bool {
        let request = leftover.request(sandbox)
        let handle = sandbox.interruptHandle
        let stopper = ending == .interrupt ? Thread { repeat { usleep(patience) } while !handle.interrupt() } : nil
        stopper?.start()
        let deadline = ending == .deadline ? ContinuousClock.now + .microseconds(20 * Int(patience)) : nil
        var isChanged = true
        do throws(SandboxError) {
            let _: [UInt8] = try sandbox.call("act", request, value, ending.code, deadline: deadline)
            #expect(ending == .port || ending == .result, "\(leftover), \(ending)")
        } catch .deadlineExceeded {
            isChanged = Leftover.isWaiting(sandbox)
        } catch .interrupted {
            isChanged = Leftover.isWaiting(sandbox)
        } catch {
            // It has faulted, as some of them do.
        }
        // A call that faulted before it came to wait: the interrupt is for the next one, which is to end, too.
        while let stopper, !stopper.isFinished {
            _ = try? sandbox.restore(sandboxStart(sandbox))
            let _: [UInt8]? = try? sandbox.call("act", Leftover.statusFlags.request(sandbox), 0 as UInt64, 2 as UInt32)
        }
        return isChanged
    }

    /// What a sandbox is attached to.
    private static func sandboxStart(_ sandbox: Sandbox) throws -> Snapshot {
        Snapshot(memory: sandbox.machine.memory.image, program: sandbox.program, requiredHostFunctions: [])
    }

    /// What a sandbox's first call finds.
    static func look(_ sandbox: Sandbox) throws -> [UInt8] {
        try sandbox.call("act", Leftover.look(sandbox), 0 as UInt64, 0 as UInt32)
    }

    // MARK: - Ordinary and resident calls

    @Test(
        "the next call begins as the first did, with and without a restore", arguments: Leftover.allCases,
        [RegisterReset.byHost, .byGuest(Residency())])
    func nextCall(leftover: Leftover, registerReset: RegisterReset) throws {
        let sandbox = try LeftoverTests.makeSandbox(registerReset)
        let snapshot = try sandbox.snapshot()
        let first = try LeftoverTests.look(sandbox)
        for value in leftover.values {
            for ending in Leftover.Ending.allCases {
                try sandbox.restore(snapshot)
                LeftoverTests.change(leftover, value, ending, in: sandbox)
                if sandbox.status == .ready {
                    let found = try LeftoverTests.look(sandbox)
                    #expect(Leftover.differences(found, first) == [], "\(hex(value)), \(ending), no restore")
                    LeftoverTests.change(leftover, value, ending, in: sandbox)
                }
                try sandbox.restore(snapshot)
                let found = try LeftoverTests.look(sandbox)
                #expect(Leftover.differences(found, first) == [], "\(hex(value)), \(ending)")
            }
        }
        #expect(sandbox.statistics.machinesReplaced == 0)
    }

    @Test("after a rollback by replacement, too", arguments: Leftover.allCases)
    func replaced(leftover: Leftover) throws {
        let sandbox = try LeftoverTests.makeSandbox()
        sandbox.rollbackStrategy = .replace
        let snapshot = try sandbox.snapshot()
        let first = try LeftoverTests.look(sandbox)
        for value in leftover.values {
            LeftoverTests.change(leftover, value, .port, in: sandbox)
            try sandbox.restore(snapshot)
            #expect(Leftover.differences(try LeftoverTests.look(sandbox), first) == [], "\(hex(value))")
        }
    }

    @Test("all 65,536 selectors, each loaded where the processor takes it, leave nothing")
    func allSelectors() throws {
        let sandbox = try LeftoverTests.makeSandbox()
        let snapshot = try sandbox.snapshot()
        let first = try LeftoverTests.look(sandbox)
        let act = try sandbox.function("act", as: ((UInt32, UInt64, UInt32) -> [UInt8]).self)
        let request = Leftover.everything.request(sandbox)
        for selector in 0..<UInt64(1 << 16) {
            // Those of local tables and of other privilege levels only now and then: there is nothing behind them.
            guard selector & 7 == 3 || selector % 61 == 0 else { continue }
            _ = try? sandbox.call(act, request, selector, 4)
            try sandbox.restore(snapshot)
            guard selector % 1024 < 128 || selector % 97 == 0 else { continue }
            let found = try LeftoverTests.look(sandbox)
            #expect(Leftover.differences(found, first) == [], "selector \(hex(selector))")
            try sandbox.restore(snapshot)
        }
    }

    // MARK: - Batches

    @Test("a batch's next call begins as any, and so does the first behind the batch", arguments: Leftover.allCases)
    func batch(leftover: Leftover) throws {
        let sandbox = try LeftoverTests.makeSandbox()
        let snapshot = try sandbox.snapshot()
        let act = try sandbox.function("act", as: ((UInt32, UInt64, UInt32) -> [UInt8]).self)
        let looking = (Leftover.look(sandbox), 0 as UInt64, 0 as UInt32)
        func look() throws -> [UInt8] { try #require(try sandbox.callBatch(act, [looking]).first).get() }
        let (first, firstOfBatch) = (try LeftoverTests.look(sandbox), try look())
        for value in leftover.values {
            for ending in [Leftover.Ending.result, .port, .fault] {
                try sandbox.restore(snapshot)
                let changing = (leftover.request(sandbox), value, ending.code)
                let results = try sandbox.callBatch(act, [changing, looking, changing, looking])
                for result in [results[1], results[3]] {
                    // A call that faulted, as one with the trap flag does, has ended the batch.
                    guard case .success(let found) = result else { continue }
                    let differences = Leftover.differences(found, firstOfBatch)
                    #expect(differences == [], "\(hex(value)), \(ending), in the batch")
                }
                try sandbox.restore(snapshot)
                #expect(Leftover.differences(try LeftoverTests.look(sandbox), first) == [], "\(hex(value)), behind it")
            }
        }
    }

    // MARK: - Recycled machines

    @Test("the next sandbox in the same machine begins as any", arguments: Leftover.allCases)
    func recycled(leftover: Leftover) throws {
        let sandbox = try LeftoverTests.makeSandbox()
        let first = try LeftoverTests.look(sandbox)
        let snapshot = try LeftoverTests.makeSandbox().snapshot()
        for value in leftover.values {
            for ending in Leftover.Ending.allCases {
                var machines = 0
                // Other tests may snatch the machine.
                for _ in 0..<20 where machines == 0 {
                    var old: Sandbox? = try Sandbox(from: snapshot, configuration: LeftoverTests.configuration())
                    let shell = try #require(old?.machine.shell)
                    LeftoverTests.change(leftover, value, ending, in: try #require(old))
                    old = nil
                    let new = try Sandbox(from: snapshot, configuration: LeftoverTests.configuration())
                    if new.machine.shell === shell { machines += 1 }
                    let differences = Leftover.differences(try LeftoverTests.look(new), first)
                    #expect(differences == [], "\(hex(value)), \(ending)")
                }
                #expect(machines == 1)
            }
        }
    }

    @Test("the initialisers of another guest in the same machine run, whatever the last one has left there")
    func otherGuest() throws {
        for value in Leftover.everything.values + Leftover.protectionKeys.values {
            for leftover in [Leftover.everything, .protectionKeys] {
                var old: Sandbox? = try LeftoverTests.makeSandbox()
                LeftoverTests.change(leftover, value, .port, in: try #require(old))
                old = nil
                #expect(try makeBehaved(smallConfiguration).call("echoInt64", 42 as Int64) == Int64(42))
            }
        }
    }

    // MARK: - Pools

    @Test("a pool's next call begins as any, its own snapshot's and another tenant's", arguments: Leftover.allCases)
    func pooled(leftover: Leftover) async throws {
        let sandbox = try LeftoverTests.makeSandbox()
        let (request, looking) = (leftover.request(sandbox), Leftover.look(sandbox))
        let pool = try SandboxPool(
            configuration: .init(
                sandboxCount: 1...1, threadCount: 1, sandbox: LeftoverTests.configuration()))
        try pool.add(try LeftoverTests.makeSandbox().snapshot(), as: "one")
        try pool.add(try LeftoverTests.makeSandbox().snapshot(), as: "two")
        let first: [UInt8] = try await pool.call("act", looking, 0 as UInt64, 0 as UInt32, snapshot: "one")
        for value in leftover.values {
            for ending in [Leftover.Ending.port, .fault, .deadline, .result] {
                for name in ["one", "two"] {
                    _ = await expire(in: pool) { deadline in
                        let _: [UInt8] = try await pool.call(
                            "act", request, value, ending.code, snapshot: "one",
                            deadline: ending == .deadline ? deadline : nil)
                    }
                    let found: [UInt8] = try await pool.call(
                        "act", looking, 0 as UInt64, 0 as UInt32, snapshot: name)
                    #expect(Leftover.differences(found, first) == [], "\(hex(value)), \(ending), \(name)")
                }
            }
        }
        await pool.shutdown(deadline: .now + .seconds(60))
    }

    // MARK: - The host's thread

    @Test("nothing of it stays in the host's thread", arguments: Leftover.allCases)
    func hostThread(leftover: Leftover) async throws {
        try await onThread {
            let sandbox = try LeftoverTests.makeSandbox()
            let snapshot = try sandbox.snapshot()
            // Threads on Linux have none by themselves.
            thread_state_set_gs_base(0x5000_0000)
            defer { thread_state_set_gs_base(0) }
            let before = thread_state_now()
            for value in leftover.values {
                for ending in Leftover.Ending.allCases where ending != .interrupt {
                    LeftoverTests.change(leftover, value, ending, in: sandbox)
                    let after = thread_state_now()
                    #expect(LeftoverTests.bytes(after) == LeftoverTests.bytes(before), "\(hex(value)), \(ending)")
                    try sandbox.restore(snapshot)
                }
            }
        }
    }

    private static func bytes(_ state: thread_state) -> [UInt64] {
        [
            UInt64(state.ds), UInt64(state.es), UInt64(state.fs), UInt64(state.gs), UInt64(state.cs), UInt64(state.ss),
            state.fs_base, state.gs_base, UInt64(state.mxcsr), UInt64(state.x87_control), UInt64(state.x87_status),
            state.flags, UInt64(state.keys),
        ]
    }

    // MARK: - What ring 3 may not know or touch

    @Test("where the processor's tables are it does not say", arguments: 0..<5 as Range<UInt32>)
    func tables(which: UInt32) throws {
        let sandbox = try LeftoverTests.makeSandbox()
        let fault = caughtFault { let _: UInt64 = try sandbox.call("table", which) }
        #expect(fault?.vector == 13)
    }

    @Test("performance counters are not the guest's", arguments: 0..<1 as Range<UInt32>)
    func counters(which: UInt32) throws {
        let sandbox = try LeftoverTests.makeSandbox()
        #expect(caughtFault { try sandbox.call("counter", which) }?.vector == 13)
    }
}
