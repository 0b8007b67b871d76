/// Bytes of a page; the only page size the engine maps.
let pageByteCount = 4096

/// An address in one of a guest's address spaces. The two kinds never mix: converting one into the other takes
/// a page table.
protocol GuestAddress: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible
where RawValue == UInt64 {
    init(rawValue: UInt64)
}

extension GuestAddress {
    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// The address `byteCount` bytes further; wraps like the processor.
    static func + (address: Self, byteCount: Int) -> Self {
        Self(rawValue: address.rawValue &+ UInt64(bitPattern: Int64(byteCount)))
    }

    /// Bytes from `right` up to `left`.
    static func - (left: Self, right: Self) -> Int {
        Int(truncatingIfNeeded: left.rawValue &- right.rawValue)
    }

    var isPageAligned: Bool { rawValue & UInt64(pageByteCount - 1) == 0 }
    /// The first byte of the page this address lies in.
    var page: Self { Self(rawValue: rawValue & ~UInt64(pageByteCount - 1)) }
    var offsetInPage: Int { Int(rawValue & UInt64(pageByteCount - 1)) }

    var description: String { "0x" + String(rawValue, radix: 16) }
}

/// An address as guest code sees it.
struct GuestVirtualAddress: GuestAddress {
    let rawValue: UInt64
}

/// An address as KVM's memory slots see it.
struct GuestPhysicalAddress: GuestAddress {
    let rawValue: UInt64
}

extension Int {
    /// Rounded up to whole pages.
    var roundedUpToPages: Int { (self + pageByteCount - 1) & ~(pageByteCount - 1) }
    var isPageAligned: Bool { self & (pageByteCount - 1) == 0 }
}
