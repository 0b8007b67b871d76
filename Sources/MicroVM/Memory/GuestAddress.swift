/// Bytes of a page; the only page size the engine maps.
@usableFromInline package let pageByteCount = 4096

/// An address in one of a guest's address spaces. The two kinds never mix: converting one into the other takes
/// a page table.
package protocol GuestAddress: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible
where RawValue == UInt64 {
    init(rawValue: UInt64)
}

extension GuestAddress {
    @inlinable package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// The address `byteCount` bytes further; wraps like the processor.
    @inlinable package static func + (address: Self, byteCount: Int) -> Self {
        Self(rawValue: address.rawValue &+ UInt64(bitPattern: Int64(byteCount)))
    }

    /// Bytes from `right` up to `left`.
    @inlinable package static func - (left: Self, right: Self) -> Int {
        Int(truncatingIfNeeded: left.rawValue &- right.rawValue)
    }

    @inlinable package var isPageAligned: Bool { rawValue & UInt64(pageByteCount - 1) == 0 }
    /// The first byte of the page this address lies in.
    @inlinable package var page: Self { Self(rawValue: rawValue & ~UInt64(pageByteCount - 1)) }
    @inlinable package var offsetInPage: Int { Int(rawValue & UInt64(pageByteCount - 1)) }

    @inlinable package var description: String { "0x" + String(rawValue, radix: 16) }
}

/// An address as guest code sees it.
package struct GuestVirtualAddress: GuestAddress {
    package let rawValue: UInt64

    @inlinable package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// An address as KVM's memory slots see it.
package struct GuestPhysicalAddress: GuestAddress {
    package let rawValue: UInt64

    @inlinable package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

extension Int {
    /// Rounded up to whole pages.
    @inlinable package var roundedUpToPages: Int { (self + pageByteCount - 1) & ~(pageByteCount - 1) }
    @inlinable package var isPageAligned: Bool { self & (pageByteCount - 1) == 0 }
}
