import MicroVM
import Palimpsest

/// x87 control registers in gdb's order, and where an XSAVE area has them (Intel SDM vol. 1, 10.5.1).
enum FloatingPointControl: CaseIterable {
    case fctrl, fstat, ftag, fiseg, fioff, foseg, fooff, fop

    func value(in state: GuestExtendedState) -> UInt32 {
        switch self {
        case .fctrl: number(state, 0, 2)
        case .fstat: number(state, 2, 2)
        case .ftag: FloatingPointControl.tags(UInt8(truncatingIfNeeded: number(state, 4, 1)))
        case .fiseg: number(state, 12, 2)
        case .fioff: number(state, 8, 4)
        case .foseg: number(state, 20, 2)
        case .fooff: number(state, 16, 4)
        case .fop: number(state, 6, 2)
        }
    }

    func set(_ value: UInt32, in state: inout GuestExtendedState) {
        switch self {
        case .fctrl: store(value, &state, 0, 2)
        case .fstat: store(value, &state, 2, 2)
        case .ftag: store(UInt32(FloatingPointControl.abridged(value)), &state, 4, 1)
        case .fiseg: store(value, &state, 12, 2)
        case .fioff: store(value, &state, 8, 4)
        case .foseg: store(value, &state, 20, 2)
        case .fooff: store(value, &state, 16, 4)
        case .fop: store(value, &state, 6, 2)
        }
    }

    /// One bit a register becomes two: 0 for one in use, 3 for an empty one.
    private static func tags(_ abridged: UInt8) -> UInt32 {
        (0..<8).reduce(0) { $0 | (abridged >> UInt8($1) & 1 == 0 ? 3 << UInt32(2 * $1) : 0) }
    }

    private static func abridged(_ tags: UInt32) -> UInt8 {
        (0..<8).reduce(0) { $0 | (tags >> UInt32(2 * $1) & 3 != 3 ? 1 << UInt8($1) : 0) }
    }

    private func number(_ state: GuestExtendedState, _ offset: Int, _ count: Int) -> UInt32 {
        state.bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    private func store(_ value: UInt32, _ state: inout GuestExtendedState, _ offset: Int, _ count: Int) {
        state.replace(
            at: offset, with: (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }, in: .x87)
    }
}
