import CPalimpsest
import MicroVM

/// The calls that led to an instruction, by frame pointers (System V ABI, AMD64 supplement, 3.2.2):
///
///     rbp ->  caller's rbp        at a function's first instruction, the return address is at rsp,
///             return address      and behind its `push %rbp`, above that
///
/// All of it is memory the guest writes: a chain goes on only upwards, inside the stack, through return addresses in
/// code, and ends at the trusted entry code.
package enum Backtrace {
    static let maximumFrameCount = 64

    private static let pushFramePointer: [UInt8] = [0x55]
    private static let setFramePointer: [UInt8] = [0x48, 0x89, 0xe5]
    private static let `return`: [UInt8] = [0xc3]

    /// Where each function is: the first at its instruction, the others behind their calls.
    package static func addresses(_ registers: GuestRegisters, _ memory: AddressSpace) -> [GuestVirtualAddress] {
        let instruction = GuestVirtualAddress(rawValue: registers.rip)
        let stack = GuestVirtualAddress(rawValue: registers.rsp)
        var addresses = [instruction]
        var frame = GuestVirtualAddress(rawValue: registers.rbp)
        var lowest = GuestVirtualAddress(rawValue: 0)
        guard label(instruction, memory) != .entry else { return addresses }
        if let place = returnAddressWithoutFrame(instruction, stack, memory),
            let caller = returnAddress(at: place, memory)
        {
            addresses.append(caller)
        }
        while addresses.count < maximumFrameCount, frame >= lowest, frame.rawValue % 8 == 0,
            let caller = returnAddress(at: frame + 8, memory),
            let next = stackWord(at: frame, memory)
        {
            addresses.append(caller)
            lowest = frame + 16
            frame = next
        }
        return addresses
    }

    /// Where the return address is if the function has not made its frame yet, or not any more: the instructions tell.
    /// A jump to where no code is had none to begin with.
    private static func returnAddressWithoutFrame(
        _ instruction: GuestVirtualAddress, _ stack: GuestVirtualAddress, _ memory: AddressSpace
    ) -> GuestVirtualAddress? {
        guard label(instruction, memory) == .code else { return stack }
        if isCode(pushFramePointer + setFramePointer, at: instruction, memory) { return stack }
        if isCode(`return`, at: instruction, memory) { return stack }
        if isCode(pushFramePointer + setFramePointer, at: instruction + -1, memory) { return stack + 8 }
        return nil
    }

    private static func isCode(
        _ instructions: [UInt8], at address: GuestVirtualAddress, _ memory: AddressSpace
    ) -> Bool {
        let span = GuestSpan(address: address, byteCount: Untrusted(UInt64(instructions.count)))
        return (try? memory.bytes(span)) == instructions
    }

    /// Nil if it is not in the guest's own code: the trusted code, among others, which is where calls come from.
    private static func returnAddress(
        at address: GuestVirtualAddress, _ memory: AddressSpace
    ) -> GuestVirtualAddress? {
        guard let word = stackWord(at: address, memory), label(word + -1, memory) == .code else { return nil }
        return word
    }

    private static func stackWord(at address: GuestVirtualAddress, _ memory: AddressSpace) -> GuestVirtualAddress? {
        guard label(address, memory) == .stack else { return nil }
        return (try? memory.load(address, as: UInt64.self)).map(GuestVirtualAddress.init)
    }

    private static func label(_ address: GuestVirtualAddress, _ memory: AddressSpace) -> MemoryRegionLabel? {
        memory.mapping(at: address)?.region.label
    }
}
