/// A number that somebody else chose: a guest, its file, a snapshot store, a debugger.
///
/// In Swift a sum that overflows, a conversion that loses bits and an index out of range all end the process, and every
/// other guest with it. So this type has none of the operators that can: neither `+` nor `Int(...)` nor a subscript
/// takes it. It can be compared; it wraps (`&+`, `&-`, `&*`); or it is checked, and what a check returns is a plain
/// `Int`, good for what it was checked for.
///
///     let claimed: Untrusted<UInt64> = reader.integer(at: 40)
///     guard let count = claimed.count(upTo: limit) else { throw ... }
///
/// Whoever reads bytes that are not the host's own returns these. See docs/architecture.md, "Foreign numbers".
package struct Untrusted<Number: FixedWidthInteger & BitwiseCopyable & Sendable>: Hashable, Comparable, Sendable {
    /// The bare number: for messages, and for those who take any number there is. Nothing is calculated with it.
    package let uncheckedValue: Number

    @inlinable package init(_ number: Number) { uncheckedValue = number }

    /// As many low bits of `other` as there are here, its sign extended: the same number where this type is the wider.
    @inlinable package init<Other>(truncating other: Untrusted<Other>) {
        uncheckedValue = Number(truncatingIfNeeded: other.uncheckedValue)
    }

    // MARK: - Checks

    /// As a count of things of which there may be `limit`; nil if it is more, or negative.
    @inlinable package func count(upTo limit: Int) -> Int? {
        guard let count = Int(exactly: uncheckedValue), count >= 0, count <= limit else { return nil }
        return count
    }

    /// As an index of something that has `count` elements; nil if there is none of that index.
    @inlinable package func index(below count: Int) -> Int? {
        guard let index = Int(exactly: uncheckedValue), index >= 0, index < count else { return nil }
        return index
    }

    /// `count` elements, or bytes, from here on; nil if they reach beyond `end`.
    @inlinable package func range(count: Self, upTo end: Int) -> Range<Int>? {
        guard let start = self.count(upTo: end), let count = count.count(upTo: end - start) else { return nil }
        return start..<start + count
    }

    /// The sum; nil if no number of this type is that large, or that small.
    @inlinable package func adding(_ other: Self) -> Self? {
        let (sum, overflow) = uncheckedValue.addingReportingOverflow(other.uncheckedValue)
        return overflow ? nil : Self(sum)
    }

    /// Nil for a divisor of zero, and for a quotient that no number of this type is.
    @inlinable package func quotientAndRemainder(dividingBy divisor: Self) -> (quotient: Self, remainder: Self)? {
        let (quotient, overflow) = uncheckedValue.dividedReportingOverflow(by: divisor.uncheckedValue)
        guard !overflow else { return nil }
        let (remainder, _) = uncheckedValue.remainderReportingOverflow(dividingBy: divisor.uncheckedValue)
        return (Self(quotient), Self(remainder))
    }

    // MARK: - Operators that cannot trap

    @inlinable package static func &+ (left: Self, right: Self) -> Self {
        Self(left.uncheckedValue &+ right.uncheckedValue)
    }

    @inlinable package static func &- (left: Self, right: Self) -> Self {
        Self(left.uncheckedValue &- right.uncheckedValue)
    }

    @inlinable package static func &* (left: Self, right: Self) -> Self {
        Self(left.uncheckedValue &* right.uncheckedValue)
    }

    /// What a mask of the host's leaves of it is a plain number: no larger than the mask.
    @inlinable package static func & (number: Self, mask: Number) -> Number { number.uncheckedValue & mask }

    @inlinable package static func < (left: Self, right: Self) -> Bool { left.uncheckedValue < right.uncheckedValue }

    // With numbers of the host's.
    @inlinable package static func == (left: Self, right: Number) -> Bool { left.uncheckedValue == right }
    @inlinable package static func != (left: Self, right: Number) -> Bool { left.uncheckedValue != right }
    @inlinable package static func < (left: Self, right: Number) -> Bool { left.uncheckedValue < right }
    @inlinable package static func <= (left: Self, right: Number) -> Bool { left.uncheckedValue <= right }
    @inlinable package static func > (left: Self, right: Number) -> Bool { left.uncheckedValue > right }
    @inlinable package static func >= (left: Self, right: Number) -> Bool { left.uncheckedValue >= right }
    @inlinable package static func ~= (pattern: Number, value: Self) -> Bool { value.uncheckedValue == pattern }
    @inlinable package static func ~= (pattern: ClosedRange<Number>, value: Self) -> Bool {
        pattern.contains(value.uncheckedValue)
    }
}

extension GuestAddress {
    /// The address so many bytes further; wraps like the processor.
    @inlinable package static func + (address: Self, byteCount: Untrusted<UInt64>) -> Self {
        Self(rawValue: address.rawValue &+ byteCount.uncheckedValue)
    }

    /// How far this address is above `other`; one that is below it is nearly 2^64 bytes above.
    package func distance(above other: Self) -> Untrusted<UInt64> { Untrusted(rawValue &- other.rawValue) }
}
