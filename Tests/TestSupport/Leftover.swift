import CPalimpsest
import MicroVM
import Palimpsest

/// What of the processor code in ring 3 can change, as the guest `leftovers` numbers it.
package enum Leftover: UInt32, CaseIterable, Sendable {
    case generalRegisters = 1
    case statusFlags, directionFlag, alignmentCheck, otherFlags, trapFlag
    case dataSegment, extraSegment, fsSegment, gsSegment, stackSegment, codeSegment
    case fsBase, gsBase
    case x87Registers, x87Pointers, x87Pending
    case sseControl, sseRegisters, avxRegisters, avx512Registers, amxTiles
    case protectionKeys, armedMonitor
    case everything

    /// What to load, where there is a choice. Selectors that a descriptor table has nothing for are left alone.
    package var values: [UInt64] {
        switch self {
        case .dataSegment, .extraSegment, .fsSegment, .gsSegment, .everything:
            [3, 0x1b, 0x20, 0x23, 0x28, 0x2b, 0x33, 0x78, 0x7b]
        case .stackSegment: [0x1b, 0x2b]
        // 64-bit code and 32-bit code, under hardware KVM and under kvm_pvm.
        case .codeSegment: [0x23, 0x33]
        case .fsBase, .gsBase: [0x1234_5000]
        // Of pages nobody has; of writes, and of all access, to every page there is.
        case .protectionKeys: [0x5555_5554, 2, 1]
        default: [0]
        }
    }

    /// How the call that changes it ends.
    package enum Ending: UInt32, CaseIterable, Sendable {
        /// By writing to the return port itself.
        case port = 0
        case fault = 1
        case deadline = 2
        /// In the middle of a port access that KVM has to finish.
        case portRead = 3
        case result = 4
        /// Never: stopped by an `InterruptHandle`.
        case interrupt = 5

        /// What the guest does.
        package var code: UInt32 { self == .interrupt ? Ending.deadline.rawValue : rawValue }
        package var stops: Bool { self != .deadline && self != .interrupt }
    }

    /// The first argument of the guest's `act`: 0 is to look.
    package func request(_ sandbox: Sandbox) -> UInt32 { rawValue | Leftover.instructions(sandbox) << 8 }
    package static func look(_ sandbox: Sandbox) -> UInt32 { instructions(sandbox) << 8 }

    /// Instructions that the guest may use, by its numbers.
    private static func instructions(_ sandbox: Sandbox) -> UInt32 {
        let features = sandbox.machine.vcpu.entryFeatures
        var found: UInt32 = 0
        if features & UInt64(PAL_ENTRY_HAS_XINUSE) != 0 { found |= 1 }
        if features & UInt64(PAL_ENTRY_HAS_KEYS) != 0 { found |= 2 }
        if pal_cpuid(7, 0).ecx & 1 << 22 != 0 { found |= 4 }
        if pal_cpuid(1, 0).ecx & 1 << 28 != 0 { found |= 8 }
        if pal_cpuid(0x8000_0001, 0).ecx & 1 << 29 != 0 { found |= 16 }
        return found
    }

    /// Whether the sandbox's guest has been stopped where it waits for that, having changed what it was to change.
    package static func isWaiting(_ sandbox: Sandbox) -> Bool {
        waitingOffsets.contains(sandbox.machine.vcpu.registers.rip % UInt64(pageByteCount))
    }

    /// Where in their pages the guest's `pause` and the jump back to it are. A file's pages are memory's (ELF,
    /// p_align).
    private static let waitingOffsets: Set<UInt64> = {
        let loop: [UInt8] = [0xf3, 0x90, 0xeb, 0xfc]
        let starts = Guests.leftovers.ranges(of: loop).map { UInt64($0.lowerBound) }
        return Set((starts + starts.map { $0 + 2 }).map { $0 % UInt64(pageByteCount) })
    }()

    /// Two calls of `act` that looked: what differs, in words. TSC_AUX is left out: ring 3 can only read it, and under
    /// kvm_pvm it is the host's processor, which may be another one each time.
    package static func differences(_ found: [UInt8], _ expected: [UInt8]) -> [String] {
        guard found.count == expected.count, found.count == 12528 else { return ["\(found.count) bytes"] }
        func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
            bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        }
        let names =
            ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14"]
            + ["r15", "rflags", "fs base", "gs base", "ds", "es", "fs", "gs", "cs", "ss", "xcr0", "xinuse", "pkru"]
        let words = names.enumerated().compactMap { index, name -> String? in
            let (now, then) = (word(found, 12288 + 8 * index), word(expected, 12288 + 8 * index))
            return now == then ? nil : "\(name) \(hex(now)) for \(hex(then))"
        }
        let extended = (0..<12288).filter { found[$0] != expected[$0] }
        return words + extended.prefix(4).map { "XSAVE area, byte \($0): \(found[$0]) for \(expected[$0])" }
    }
}
