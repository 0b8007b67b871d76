import CPalimpsest

/// The general registers of a guest that has stopped, as the guest's own code had them.
public struct GuestRegisters: Sendable, Hashable {
    public var rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp: UInt64
    public var r8, r9, r10, r11, r12, r13, r14, r15: UInt64
    public var rip, rflags: UInt64

    package init(_ registers: kvm_regs) {
        (rax, rbx, rcx, rdx) = (registers.rax, registers.rbx, registers.rcx, registers.rdx)
        (rsi, rdi, rsp, rbp) = (registers.rsi, registers.rdi, registers.rsp, registers.rbp)
        (r8, r9, r10, r11) = (registers.r8, registers.r9, registers.r10, registers.r11)
        (r12, r13, r14, r15) = (registers.r12, registers.r13, registers.r14, registers.r15)
        (rip, rflags) = (registers.rip, registers.rflags)
    }

    /// Names and values, in the order debuggers print them.
    public var all: [(name: String, value: UInt64)] {
        [
            ("rax", rax), ("rbx", rbx), ("rcx", rcx), ("rdx", rdx), ("rsi", rsi), ("rdi", rdi), ("rbp", rbp),
            ("rsp", rsp), ("r8", r8), ("r9", r9), ("r10", r10), ("r11", r11), ("r12", r12), ("r13", r13),
            ("r14", r14), ("r15", r15), ("rip", rip), ("rflags", rflags),
        ]
    }
}

extension kvm_regs {
    init(_ registers: GuestRegisters) {
        self.init()
        (rax, rbx, rcx, rdx) = (registers.rax, registers.rbx, registers.rcx, registers.rdx)
        (rsi, rdi, rsp, rbp) = (registers.rsi, registers.rdi, registers.rsp, registers.rbp)
        (r8, r9, r10, r11) = (registers.r8, registers.r9, registers.r10, registers.r11)
        (r12, r13, r14, r15) = (registers.r12, registers.r13, registers.r14, registers.r15)
        (rip, rflags) = (registers.rip, registers.rflags)
    }
}
