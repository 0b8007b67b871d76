import MicroVM
import Palimpsest

/// gdb's registers of an x86-64 processor: in the order of `TargetDescription`, which is that of a `g` packet.
struct RegisterMap {
    /// One register, and where it is kept.
    private enum Place {
        case general(WritableKeyPath<GuestRegisters, UInt64>)
        case flags
        case selector(KeyPath<GuestSegments, UInt16>)
        case base(WritableKeyPath<GuestSegments, UInt64>)
        case extended(GuestExtendedState.Component, offset: Int)
        case control(FloatingPointControl)
    }

    private let places: [(place: Place, byteCount: Int)]

    /// - Parameter vectorUpperOffset: where an XSAVE area has the YMM registers' upper halves, which come last.
    init(vectorUpperOffset: Int?) {
        let general: [WritableKeyPath<GuestRegisters, UInt64>] = [
            \.rax, \.rbx, \.rcx, \.rdx, \.rsi, \.rdi, \.rbp, \.rsp, \.r8, \.r9, \.r10, \.r11, \.r12, \.r13, \.r14,
            \.r15,
            \.rip,
        ]
        let selectors: [KeyPath<GuestSegments, UInt16>] = [\.cs, \.ss, \.ds, \.es, \.fs, \.gs]
        var places: [(place: Place, byteCount: Int)] = general.map { (.general($0), 8) }
        places.append((.flags, 4))
        places += selectors.map { (.selector($0), 4) }
        places += (0..<8).map { (.extended(.x87, offset: 32 + 16 * $0), 10) }
        places += FloatingPointControl.allCases.map { (.control($0), 4) }
        places += (0..<16).map { (.extended(.sse, offset: 160 + 16 * $0), 16) }
        places.append((.extended(.sse, offset: 24), 4))
        places += [(.base(\.fsBase), 8), (.base(\.gsBase), 8)]
        if let vectorUpperOffset {
            places += (0..<16).map { (.extended(.avx, offset: vectorUpperOffset + 16 * $0), 16) }
        }
        self.places = places
    }

    var count: Int { places.count }
    /// Bytes of all registers.
    var byteCount: Int { places.reduce(0) { $0 + $1.byteCount } }

    func bytes(of index: Int, in state: GuestProcessorState) -> [UInt8] {
        let byteCount = places[index].byteCount
        switch places[index].place {
        case .general(let path): return little(state.registers[keyPath: path], byteCount)
        case .flags: return little(state.registers.rflags, byteCount)
        case .selector(let path): return little(UInt64(state.segments[keyPath: path]), byteCount)
        case .base(let path): return little(state.segments[keyPath: path], byteCount)
        case .extended(_, let offset): return Array(state.extended.bytes[offset..<offset + byteCount])
        case .control(let control): return little(UInt64(control.value(in: state.extended)), byteCount)
        }
    }

    func bytes(of state: GuestProcessorState) -> [UInt8] { (0..<count).flatMap { bytes(of: $0, in: state) } }

    /// Changes one register; false if `bytes` are not as many as it has. Selectors stay as they are.
    func set(_ index: Int, to bytes: ArraySlice<UInt8>, in state: inout GuestProcessorState) -> Bool {
        guard places.indices.contains(index), bytes.count == places[index].byteCount else { return false }
        let value = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        switch places[index].place {
        case .general(let path): state.registers[keyPath: path] = value
        case .flags: state.registers.rflags = value
        case .selector: break
        case .base(let path): state.segments[keyPath: path] = value
        case .extended(let component, let offset): state.extended.replace(at: offset, with: bytes, in: component)
        case .control(let control): control.set(UInt32(truncatingIfNeeded: value), in: &state.extended)
        }
        return true
    }

    /// Changes all; false, and nothing changed, if there are too few bytes or too many.
    func set(_ bytes: [UInt8], in state: inout GuestProcessorState) -> Bool {
        guard bytes.count == byteCount else { return false }
        var rest = bytes[...]
        for index in places.indices {
            _ = set(index, to: rest.prefix(places[index].byteCount), in: &state)
            rest = rest.dropFirst(places[index].byteCount)
        }
        return true
    }

    private func little(_ value: UInt64, _ byteCount: Int) -> [UInt8] {
        (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }
}
