import CPalimpsest

/// Segment selectors of a stopped guest, and the two bases that 64-bit code can use (Intel SDM vol. 3, 3.4.4).
public struct GuestSegments: Sendable, Hashable {
    public var cs, ss, ds, es, fs, gs: UInt16
    public var fsBase, gsBase: UInt64

    init(_ registers: kvm_sregs) {
        (cs, ss, ds) = (registers.cs.selector, registers.ss.selector, registers.ds.selector)
        (es, fs, gs) = (registers.es.selector, registers.fs.selector, registers.gs.selector)
        (fsBase, gsBase) = (registers.fs.base, registers.gs.base)
    }
}
