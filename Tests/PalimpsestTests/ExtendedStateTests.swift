import Palimpsest
import TestSupport
import Testing

/// AVX-512 state (opmask and ZMM registers, Intel SDM vol. 1, 13.5.5 to 13.5.7) in calls and in the oracle.
@Suite("Extended processor state", .enabled(if: ExtendedState.hasAVX512, "this processor has no AVX-512"))
struct ExtendedStateTests {
    @Test("the guest's state shows what a call leaves in the opmask and ZMM registers")
    func visible() throws {
        let sandbox = try Fuzzer.makeSandbox(.automatic)
        let clean: [UInt8] = try sandbox.call("state")
        let littered: [UInt8] = try sandbox.call("litteredState")
        for number in ExtendedState.avx512Components {
            let range = ExtendedState.component(number)
            #expect(clean[range].allSatisfy { $0 == 0 }, "component \(number)")
            #expect(!littered[range].allSatisfy { $0 == 0 }, "component \(number)")
        }
        // All 16 upper registers, and all 8 masks.
        #expect(littered[ExtendedState.component(7)].allSatisfy { $0 == 0xff })
        let masks = littered[ExtendedState.component(5)]
        #expect(stride(from: masks.startIndex, to: masks.endIndex, by: 8).allSatisfy { masks[$0] == 0xff })
    }

    @Test(
        "nothing of it reaches the next call, whether or not a rollback lies between", arguments: [0, 1, 2] as [UInt32])
    func reset(ending: UInt32) throws {
        let sandbox = try Fuzzer.makeSandbox(.automatic)
        let snapshot = try sandbox.snapshot()
        let clean: [UInt8] = try sandbox.call("state")
        try sandbox.restore(snapshot)
        for _ in 0..<3 {
            _ = try? sandbox.call("spoil", ending)
            if sandbox.status == .ready { #expect(try sandbox.call("state") == clean) }
            try sandbox.restore(snapshot)
            #expect(try sandbox.call("state") == clean)
        }
    }

    @Test("the oracle notices AVX-512 state that is not reset", arguments: ExtendedState.avx512Components)
    func notReset(component number: UInt32) throws {
        let sandbox = try Fuzzer.makeSandbox(.copy)
        let witness = try Fuzzer.witness(sandbox)
        #expect(try sandbox.call("state") == witness.registers)
        // What the entry code loads: the component marked as present, and bytes in it.
        let image = sandbox.machine.memory.scratch.host(sandbox.machine.memory.image.layout.constants)
        image.storeBytes(of: 1 << UInt64(number), toByteOffset: 512, as: UInt64.self)
        image.storeBytes(
            of: 0xff, toByteOffset: ExtendedState.component(number).lowerBound + 1, as: UInt8.self)
        try sandbox.call("spoil", 0 as UInt32)
        #expect(try sandbox.call("state") != witness.registers)
    }
}
