import CPalimpsest
import MicroVM
import Palimpsest
import TestSupport
import Testing

@Suite("Faults")
struct FaultTests {
    /// After a fault: poisoned, no more calls, and no other sandbox is touched by it.
    private func expectPoisoned(_ sandbox: Sandbox) throws {
        #expect(sandbox.status == .poisoned)
        guard case .poisoned = caughtError(of: { _ = try sandbox.call("add", 1 as Int64, 2 as Int64) as Int64 }) else {
            Issue.record("a poisoned sandbox took a call")
            return
        }
        let other = try makeHostile()
        #expect(try other.call("add", 1 as Int64, 2 as Int64) as Int64 == 3)
    }

    @Test(
        "an exception or forbidden instruction is a fault with its function's name",
        arguments: [
            "invalidOpcode", "halt", "disableInterrupts", "breakpoint", "interrupt80", "doubleFault",
            "writeModelRegister", "loadControlRegister", "loadDescriptorTable", "singleStep", "nonCanonical",
            "badStack", "returnToRing0", "unmaskedFloat",
        ])
    func instruction(name: String) throws {
        let sandbox = try makeHostile()
        let fault = try #require(caughtFault(of: { try sandbox.call(name) }))
        #expect(fault.vector != nil)
        #expect(fault.symbol?.hasPrefix(name) == true, "\(String(describing: fault.symbol))")
        try expectPoisoned(sandbox)
    }

    @Test(
        "jumps to nowhere, system calls and stacks in supervisor memory are faults",
        arguments: [
            "jumpToZero", "systemCall", "stackInSupervisor",
        ])
    func nowhere(name: String) throws {
        let sandbox = try makeHostile()
        _ = try #require(caughtFault(of: { try sandbox.call(name) }))
        try expectPoisoned(sandbox)
    }

    @Test("a division by zero is vector 0, at its place")
    func divideByZero() throws {
        let sandbox = try makeHostile()
        #expect(try sandbox.call("divide", 7 as Int32, 2 as Int32) as Int32 == 3)
        let fault = try #require(caughtFault(of: { _ = try sandbox.call("divide", 7 as Int32, 0 as Int32) as Int32 }))
        #expect(fault.vector == 0 && fault.errorCode == nil && fault.address == nil)
        #expect(fault.registers.rax == 7)
        try expectPoisoned(sandbox)
    }

    @Test("a stack overflow says so")
    func stackOverflow() throws {
        let sandbox = try makeHostile()
        let fault = try #require(caughtFault(of: { _ = try sandbox.call("overflowStack", 0 as Int64) as Int64 }))
        #expect(fault.kind == .stackOverflow)
        #expect(fault.region == "guard")
        try expectPoisoned(sandbox)
    }

    @Test("writes where the guest has no right to write are faults with address and error code")
    func writes() throws {
        let code: UInt64 = try makeHostile().call("codeAddress")
        let constant: UInt64 = try makeHostile().call("constantAddress")
        let targets: [(UInt64, String?)] = [
            (0, nil), (0xfff8, nil), (code, "code"), (constant, "rodata"), (UInt64(PAL_ENTRY_ADDRESS), "entry"),
            (UInt64(PAL_CONSTANTS_ADDRESS), "constants"), (UInt64(PAL_STACK_TOP), "guard"), (0x7fff_ffff_f000, nil),
            (0xffff_8000_0000_1000, nil), (0xffff_8000_0000_2000, nil), (0xffff_8000_0000_4ff8, nil),
        ]
        for (address, region) in targets {
            let sandbox = try makeHostile()
            let fault = try #require(caughtFault(of: { try sandbox.call("writeAt", address) }))
            #expect(
                fault.vector == 14 && fault.address == address && fault.region == region, "\(hex(address)): \(fault)")
            #expect(fault.errorCode.map { $0 & 6 } == 6, "\(hex(address)): a user write")
            #expect(fault.symbol?.hasPrefix("writeAt") == true)
        }
    }

    @Test("supervisor pages cannot be read or called, data cannot be executed")
    func readsAndCalls() throws {
        for address in [0xffff_8000_0000_1000, 0xffff_8000_0000_2000, 0xffff_8000_0000_4000] as [UInt64] {
            let sandbox = try makeHostile()
            #expect(caughtFault(of: { _ = try sandbox.call("readAt", address) as UInt64 })?.address == address)
        }
        let data = [UInt64(PAL_MAILBOX_ADDRESS), UInt64(PAL_HEAP_ADDRESS), UInt64(PAL_STACK_TOP) - 64, 0]
        for address in data + [0xffff_8000_0000_1000] {
            let sandbox = try makeHostile()
            let fault = try #require(caughtFault(of: { try sandbox.call("callAt", address) }))
            #expect(fault.vector == 14 && fault.address == address, "\(hex(address)): \(fault)")
        }
    }

    @Test("no port but the ABI's can be used, in any way")
    func ports() throws {
        let abi = UInt16(PAL_PORT_FIRST)...UInt16(PAL_PORT_LAST)
        let others =
            (0...0x5f as ClosedRange<UInt16>).filter { !abi.contains($0) } + [0x60, 0x64, 0x3f8, 0xcf8, 0xffff]
        for port in others {
            let sandbox = try makeHostile()
            #expect(caughtFault(of: { try sandbox.call("outPort", port) })?.vector == 13, "port \(port)")
        }
        for name in ["outWide", "inString"] {
            let sandbox = try makeHostile()
            _ = caughtFault(of: { try sandbox.call(name, UInt16(PAL_PORT_LOG)) })
            #expect(sandbox.status == .poisoned, "\(name)")
        }
        // To KVM, `rep outsb` to a port that is open is so many single writes: empty log lines here.
        try makeHostile().call("outString", UInt16(PAL_PORT_LOG))
        for port in abi {
            let sandbox = try makeHostile()
            #expect(caughtFault(of: { _ = try sandbox.call("inPort", port) as UInt8 })?.kind == .illegalPort(port))
        }
        let sandbox = try makeHostile()
        _ = try #require(caughtFault(of: { try sandbox.call("readyAgain") }))
        try expectPoisoned(sandbox)
    }

    @Test("more copied pages than scratch holds are a fault, not a crash")
    func scratchExhausted() throws {
        let sandbox = try makeHostile(SandboxConfiguration(scratchByteCount: 1 << 20))
        let fault = try #require(caughtFault(of: { try sandbox.call("exhaustScratch") }))
        #expect(fault.kind == .scratchExhausted)
        try expectPoisoned(sandbox)
        try makeHostile().call("exhaustScratch")
    }

    @Test("abort carries its message")
    func abort() throws {
        let sandbox = try makeHostile()
        let address: UInt64 = try sandbox.call("constantAddress")
        let fault = try #require(caughtFault(of: { try sandbox.call("abortAt", address, 4 as UInt64) }))
        #expect(fault.kind == .abort(message: "read"))
        try expectPoisoned(sandbox)
    }

    @Test("nothing a call leaves in registers, FPU or segments reaches the next")
    func leftovers() throws {
        let sandbox = try makeHostile()
        let clean: [UInt8] = try sandbox.call("state")
        #expect(clean.count == 152)
        for _ in 0..<3 {
            try sandbox.call("litter")
            #expect(try sandbox.call("state") as [UInt8] == clean)
        }
        func word(_ index: Int) -> UInt64 {
            clean[(index * 8)..<(index * 8 + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        for register in 0..<8 { #expect(word(register) == 0, "register \(register)") }
        #expect(word(9) == 0 && word(10) == 0, "segment bases")
        #expect(word(12) == 0x037f, "x87 control word")
        #expect(word(13) == 0x1f80, "MXCSR")
        #expect((15..<19).allSatisfy { word($0) == 0 }, "vector registers")
    }

    @Test("a debug exception that was under way when a call came back is not the next call's")
    func pendingException() throws {
        let sandbox = try makeHostile()
        for value in 0..<20 as Range<Int64> {
            do {
                try sandbox.call("leaveTrapping")
            } catch .fault(let fault) {
                // A processor that delivers it at once ends the call that caused it.
                #expect(fault.vector == 1)
                return
            }
            #expect(try sandbox.call("add", value, 1 as Int64) as Int64 == value + 1)
        }
    }
}
