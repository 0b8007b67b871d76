import Foundation
import MicroVM
import Palimpsest
import TestSupport
import Testing

/// Nothing of a sandbox's life is visible in the next one that has its virtual machine.
@Suite("Recycled machines")
struct RecycledMachineTests {
    /// How the life before ends.
    enum Ending: UInt32, CaseIterable, Sendable {
        case result = 0
        case exception = 1
        /// KVM still owes the guest the second half of the `in` that it was not to do.
        case portRead = 2
        case interrupt = 3
        case deadline = 4
        /// A fault, and a rollback after it.
        case rollback = 5
    }

    private static func makeSandbox(from snapshot: Snapshot) throws -> Sandbox {
        try Sandbox(
            from: snapshot, configuration: .init(copiesWriteSet: false), hostFunctions: makeHostFunctions())
    }

    /// Writes a mark into all memory the guest may write, by its own hand, then into every register.
    private static func live(_ sandbox: Sandbox, _ ending: Ending) throws {
        try sandbox.call("run", 77 as UInt64, 60 as UInt32, 0 as UInt32, 0 as UInt64, 0 as UInt64)
        for mapping in sandbox.machine.memory.image.regions.mappings
        where mapping.region.access.contains(.write) && ![.stack, .mailbox].contains(mapping.region.label) {
            try sandbox.call("brand", mapping.region.guest.lowerBound.rawValue, UInt64(mapping.region.byteCount))
        }
        // The stack and the mailbox below what the next call needs.
        for mapping in sandbox.machine.memory.image.regions.mappings where mapping.region.label == .stack {
            try sandbox.call(
                "brand", mapping.region.guest.lowerBound.rawValue, UInt64(mapping.region.byteCount - 4 * pageByteCount))
        }
        for mapping in sandbox.machine.memory.image.regions.mappings where mapping.region.label == .mailbox {
            try sandbox.call(
                "brand", mapping.region.guest.lowerBound.rawValue + 1024, UInt64(mapping.region.byteCount - 1024))
        }
        switch ending {
        case .result, .exception, .portRead: _ = try? sandbox.call("spoil", ending.rawValue)
        case .deadline: expire(sandbox) { try sandbox.call("spoil", 3 as UInt32, deadline: $0) }
        case .interrupt:
            let handle = sandbox.interruptHandle
            Thread.detachNewThread { while !handle.interrupt() { usleep(200) } }
            _ = try? sandbox.call("spoil", 3 as UInt32)
        case .rollback:
            _ = try? sandbox.call("spoil", 1 as UInt32)
        }
        let isPoisoned = ![.result].contains(ending)
        #expect(sandbox.status == (isPoisoned ? .poisoned : .ready), "\(ending)")
    }

    /// A new sandbox in the machine of one that has lived as `ending` says. Other tests may snatch it: then again.
    private static func nextLife(_ snapshot: Snapshot, after ending: Ending) throws -> Sandbox {
        for _ in 0..<1_000 {
            var first: Sandbox? = try makeSandbox(from: snapshot)
            let shell = try #require(first?.machine.shell)
            try live(try #require(first), ending)
            if ending == .rollback { try first?.restore(snapshot) }
            first = nil
            let second = try makeSandbox(from: snapshot)
            if second.machine.shell === shell { return second }
        }
        throw NotRecycled()
    }

    private struct NotRecycled: Error {}

    @Test(
        "a new sandbox in a used machine sees nothing of the last life: memory, registers, vector state, bases",
        arguments: Ending.allCases)
    func clean(ending: Ending) throws {
        let original = try Fuzzer.makeSandbox(.automatic)
        let witness = try Fuzzer.witness(original)
        for _ in 0..<3 {
            let sandbox = try RecycledMachineTests.nextLife(witness.snapshot, after: ending)
            // Registers first: looking at memory is a call, too.
            #expect(try sandbox.call("state") == witness.registers, "registers")
            try sandbox.restore(witness.snapshot)
            #expect(try witness.oracle.differences(sandbox) == [])
            #expect(try witness.oracle.guestDifferences(sandbox) == [])
            try sandbox.call("run", 5 as UInt64, 30 as UInt32, 0 as UInt32, 0 as UInt64, 0 as UInt64)
            try sandbox.restore(witness.snapshot)
            #expect(try witness.oracle.differences(sandbox) == [])
        }
    }

    @Test("memory as it is before any call holds nothing of the last life, mapped or not", arguments: Ending.allCases)
    func untouched(ending: Ending) throws {
        let original = try Fuzzer.makeSandbox(.automatic)
        let witness = try Fuzzer.witness(original)
        let sandbox = try RecycledMachineTests.nextLife(witness.snapshot, after: ending)
        #expect(try witness.oracle.differences(sandbox) == [])
        // All of scratch but what a new sandbox puts there: no trace of the mark, in frames nobody has mapped either.
        let mark = UInt64(0xb4a9_d000_b4a9_d000)
        let words = UnsafeRawBufferPointer(sandbox.machine.memory.scratch.segment.memory).bindMemory(to: UInt64.self)
        #expect(!words.contains(mark))
    }

    @Test("a machine is recycled for another guest, which sees nothing of the last one either")
    func otherGuest() throws {
        let own = try Fuzzer.witness(try Fuzzer.makeSandbox(.automatic))
        let behaved = try makeBehaved(Fuzzer.configuration)
        let foreign = try behaved.snapshot()
        let oracle = try Oracle(behaved)
        var recycledCount = 0
        for _ in 0..<1_000 where recycledCount == 0 {
            var first: Sandbox? = try RecycledMachineTests.makeSandbox(from: own.snapshot)
            let shell = try #require(first?.machine.shell)
            try RecycledMachineTests.live(try #require(first), .portRead)
            // Whatever else is idle would do for a guest that no machine has run: leave this one only.
            Sandbox.releaseIdleMachines()
            first = nil
            let second = try RecycledMachineTests.makeSandbox(from: foreign)
            if second.machine.shell === shell { recycledCount += 1 }
            #expect(try oracle.differences(second) == [])
            #expect(try second.call("count") == Int64(1001))
            #expect(try second.call("echoString", "x") == "x")
        }
        #expect(recycledCount > 0)
    }

    @Test("a machine that is in no known state is not recycled")
    func broken() throws {
        let snapshot = try Fuzzer.makeSandbox(.automatic).snapshot()
        weak var shell: MachineShell?
        do {
            let sandbox = try RecycledMachineTests.makeSandbox(from: snapshot)
            shell = sandbox.machine.shell
            sandbox.markUnrecoverable()
        }
        #expect(shell == nil)
    }

    @Test("entropy and generation are another life's own")
    func randomness() throws {
        let snapshot = try Fuzzer.makeSandbox(.automatic).snapshot()
        var seen: Set<[UInt8]> = []
        for _ in 0..<50 { seen.insert(try RecycledMachineTests.makeSandbox(from: snapshot).constantsPage()) }
        #expect(seen.count == 50)
    }
}
