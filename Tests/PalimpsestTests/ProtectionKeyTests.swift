import CPalimpsest
import TestSupport
import Testing

@testable import GuestABI
@testable import MicroVM
@testable import Palimpsest

/// Protection keys (PKRU), which code in ring 3 can change where the host's kernel has them and KVM runs ring 3
/// natively whatever the vCPU's CR4. Elsewhere a vCPU is given CR4.PKE here, if KVM has that, so that it can there as
/// well.
@Suite("Protection keys")
struct ProtectionKeyTests {
    /// A sandbox whose guest can change PKRU; nil where none can.
    static func makeSandbox(_ registerReset: RegisterReset = .byHost) throws -> Sandbox? {
        let sandbox = try LeftoverTests.makeSandbox(registerReset)
        let vcpu = sandbox.machine.vcpu
        if vcpu.entryFeatures & UInt64(PAL_ENTRY_HAS_KEYS) != 0 { return sandbox }
        sandbox.endResidence()
        do {
            try vcpu.changeInitialSpecialRegisters { $0.cr4 |= 1 << 22 }
        } catch {
            return nil
        }
        vcpu.setPageTableRoot(sandbox.machine.memory.root.rawValue)
        vcpu.entryFeatures |= UInt64(PAL_ENTRY_HAS_KEYS)
        sandbox.machine.constants.pointee.features = vcpu.entryFeatures
        // KVM may take the bit on a processor without keys.
        let _: [UInt8]? = try? sandbox.call("act", Leftover.protectionKeys.request(sandbox), 0 as UInt64, 0 as UInt32)
        return sandbox.status == .ready && sandbox.statistics.machinesReplaced == 0 ? sandbox : nil
    }

    static var areThere: Bool { (try? makeSandbox()) != nil }

    @Test(
        "every call begins with none denied, whatever the last one has denied itself",
        .enabled(if: areThere, "no guest can change them here"), arguments: Leftover.protectionKeys.values,
        [RegisterReset.byHost, .byGuest(Residency())])
    func reset(keys: UInt64, registerReset: RegisterReset) throws {
        let sandbox = try #require(try ProtectionKeyTests.makeSandbox(registerReset))
        let snapshot = try sandbox.snapshot()
        let first = try LeftoverTests.look(sandbox)
        for ending in Leftover.Ending.allCases where ending != .portRead {
            for _ in 0..<3 {
                try sandbox.restore(snapshot)
                LeftoverTests.change(.protectionKeys, keys, ending, in: sandbox)
                try sandbox.restore(snapshot)
                #expect(Leftover.differences(try LeftoverTests.look(sandbox), first) == [], "\(ending)")
            }
        }
        #expect(sandbox.statistics.machinesReplaced == 0)
    }

    @Test("in a batch as well", .enabled(if: areThere, "no guest can change them here"))
    func batch() throws {
        let sandbox = try #require(try ProtectionKeyTests.makeSandbox())
        let act = try sandbox.function("act", as: ((UInt32, UInt64, UInt32) -> [UInt8]).self)
        let looking = (Leftover.look(sandbox), 0 as UInt64, 0 as UInt32)
        let first = try #require(try sandbox.callBatch(act, [looking]).first).get()
        let changing = (Leftover.protectionKeys.request(sandbox), 0x5555_5554 as UInt64, 4 as UInt32)
        let results = try sandbox.callBatch(act, [changing, looking])
        #expect(Leftover.differences(try results[1].get(), first) == [])
    }

    @Test("a report says that they denied an access", .enabled(if: areThere, "no guest can change them here"))
    func named() throws {
        let sandbox = try #require(try ProtectionKeyTests.makeSandbox())
        let fault = try #require(caughtFault { try sandbox.call("readDenied") })
        #expect(fault.description.contains("denied by protection keys (PKRU)"))
    }

    @Test(
        "an entry that keys deny every read makes the machine one that is not used again",
        .enabled(if: areThere, "no guest can change them here"))
    func withoutReset() throws {
        let sandbox = try #require(try ProtectionKeyTests.makeSandbox())
        // Ends well; then every access is denied.
        LeftoverTests.change(.protectionKeys, 1, .port, in: sandbox)
        #expect(sandbox.status == .ready)
        sandbox.machine.vcpu.entryFeatures &= ~UInt64(PAL_ENTRY_HAS_KEYS)
        #expect(try sandbox.call("visit") == Int64(1))
        #expect(sandbox.statistics.machinesReplaced == 1)
    }

    @Test("the bit of an error code that names them is told in words, beside what was accessed")
    func words() {
        func cause(_ errorCode: UInt64) -> String {
            GuestFault(
                kind: .exception(vector: 14), vector: 14, errorCode: errorCode, address: 0x200010,
                registers: GuestRegisters(kvm_regs()), isTrap: false, backtrace: [], addressRegion: nil,
                addressSymbol: nil
            ).cause
        }
        #expect(cause(0x25) == "read of unmapped memory at 0x200010, denied by protection keys (PKRU)")
        #expect(cause(0x27) == "write to unmapped memory at 0x200010, denied by protection keys (PKRU)")
        #expect(!cause(0x05).contains("PKRU"))
    }
}
