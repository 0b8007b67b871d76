import CPalimpsest

/// x87, SSE, AVX and AVX-512 state of a stopped guest: an XSAVE area in the standard form (Intel SDM vol. 1, 13.4), as
/// ELF cores have it in `NT_X86_XSTATE`.
///
///     0     legacy region: x87 and SSE, as FXSAVE writes them
///     464   XCR0: which components the guest may use. Reserved for software; Linux and gdb put it there
///     512   XSAVE header; its first word, XSTATE_BV, says which components are not in their initial configuration
///     576   the other components, at the offsets that CPUID leaf 0xD gives
public struct GuestExtendedState: Sendable, Hashable {
    /// All 4,096 bytes that KVM has of it.
    public internal(set) var bytes: [UInt8]

    package static let byteCount = MemoryLayout<kvm_xsave>.size
    private static let featuresOffset = 464
    private static let headerOffset = 512

    /// State components, by their bits in XCR0 (Intel SDM vol. 1, 13.1).
    public enum Component: UInt64, Sendable {
        case x87 = 0
        case sse = 1
        case avx = 2

        fileprivate var bit: UInt64 { 1 << rawValue }
    }

    /// - Parameter bytes: as KVM_GET_XSAVE gives them.
    init(bytes: [UInt8]) {
        self.bytes = bytes
        store(ProcessorState.extendedFeatures, at: GuestExtendedState.featuresOffset)
    }

    /// Components that the guest may use: XCR0.
    public var features: UInt64 { load(at: GuestExtendedState.featuresOffset) }
    public func has(_ component: Component) -> Bool { features & component.bit != 0 }

    /// Bytes of the area that are in use: up to the end of the last component.
    public var usedByteCount: Int {
        (2..<UInt32(63)).reduce(GuestExtendedState.headerOffset + 64) { end, component in
            guard features >> UInt64(component) & 1 != 0 else { return end }
            let leaf = pal_cpuid(0xD, component)
            return max(end, min(Int(leaf.ebx) + Int(leaf.eax), GuestExtendedState.byteCount))
        }
    }

    /// Where the upper halves of the YMM registers are; nil if guests have none.
    public static let vectorUpperOffset: Int? = {
        guard ProcessorState.extendedFeatures & Component.avx.bit != 0 else { return nil }
        let offset = Int(pal_cpuid(0xD, UInt32(Component.avx.rawValue)).ebx)
        return offset + 16 * 16 <= byteCount ? offset : nil
    }()

    /// Writes `new` at `offset`, and says that `component` holds something from now on.
    public mutating func replace(at offset: Int, with new: some Collection<UInt8>, in component: Component) {
        bytes.replaceSubrange(offset..<offset + new.count, with: new)
        store(load(at: GuestExtendedState.headerOffset) | component.bit, at: GuestExtendedState.headerOffset)
    }

    private func load(at offset: Int) -> UInt64 {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    }

    private mutating func store(_ value: UInt64, at offset: Int) {
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value, toByteOffset: offset, as: UInt64.self) }
    }
}
