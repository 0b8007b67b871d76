import CPalimpsest
import MicroVM

/// The processor's state as a core has it.
struct CoreThread {
    /// `struct user_regs_struct` (sys/user.h).
    let userRegisters: [UInt64]
    /// The legacy area, as FXSAVE writes it: 512 bytes.
    let floatingPoint: [UInt8]
    /// The XSAVE area: where debuggers expect its parts, with XCR0 at 464.
    let extendedState: [UInt8]

    init(_ state: GuestProcessorState) {
        let noSystemCall = UInt64.max
        let (r, s) = (state.registers, state.segments)
        userRegisters =
            [
                r.r15, r.r14, r.r13, r.r12, r.rbp, r.rbx, r.r11, r.r10, r.r9, r.r8, r.rax, r.rcx, r.rdx, r.rsi, r.rdi,
                noSystemCall, r.rip, UInt64(s.cs), r.rflags, r.rsp, UInt64(s.ss), s.fsBase, s.gsBase,
            ] + [s.ds, s.es, s.fs, s.gs].map(UInt64.init)
        floatingPoint = Array(state.extended.bytes.prefix(512))
        extendedState = CoreThread.debuggerLayout(state.extended)
    }

    /// A component of the extended state and where Intel processors have it (Intel SDM vol. 1, 13.4).
    ///
    /// AMD's are elsewhere, with no gaps. Debuggers that are older than those (gdb 13 among them) know Intel's places
    /// only; newer ones tell them by the size.
    private static let components: [(number: UInt32, offset: Int, byteCount: Int)] = [
        (2, 576, 256), (5, 1088, 64), (6, 1152, 512), (7, 1664, 1024),
    ]

    private static func debuggerLayout(_ extended: GuestExtendedState) -> [UInt8] {
        let state = extended.bytes
        let present = components.filter { extended.features >> UInt64($0.number) & 1 != 0 }
        var result = [UInt8](repeating: 0, count: present.last.map { $0.offset + $0.byteCount } ?? 576)
        result.replaceSubrange(0..<576, with: state.prefix(576))
        for component in present {
            let place = Int(pal_cpuid(0xd, component.number).ebx)
            guard place + component.byteCount <= state.count else { continue }
            result.replaceSubrange(
                component.offset..<component.offset + component.byteCount,
                with: state[place..<place + component.byteCount])
        }
        return result
    }
}
