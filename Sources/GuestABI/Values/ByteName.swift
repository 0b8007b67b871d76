import Glibc
import MicroVM

/// A name, for comparing it and for looking it up: equal to another if its bytes are.
///
/// Strings are equal if they are canonically equivalent (Unicode Standard, 3.7, D70): "\u{e9}" and "e\u{301}" are one
/// string, and U+212B, U+00C5 and "A\u{30a}" are. The names that guests, clients, stores and command lines give are
/// what their bytes say, and two of them that look alike are two. So no name is compared as a `String`.
///
/// Neither comparing nor hashing allocates.
package struct ByteName: Hashable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (one: ByteName, other: ByteName) -> Bool { one.text.hasBytes(of: other.text) }

    /// What has the same bytes is the same string, too, and so has the same hash.
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

extension ByteName: Comparable {
    /// By bytes, which for UTF-8 is the order of the code points.
    package static func < (one: ByteName, other: ByteName) -> Bool {
        one.text.utf8.lexicographicallyPrecedes(other.text.utf8)
    }
}

extension String {
    /// Whether this is `other`, byte by byte. In ASCII what is equal has the same bytes.
    package func hasBytes(of other: String) -> Bool {
        if utf8Span.isKnownASCII, other.utf8Span.isKnownASCII { return self == other }
        let isEqual = utf8.withContiguousStorageIfAvailable { bytes in
            other.utf8.withContiguousStorageIfAvailable { others in
                guard bytes.count == others.count else { return false }
                guard let one = bytes.baseAddress, let two = others.baseAddress else { return true }
                return memcmp(one, two, bytes.count) == 0
            }
        }
        return (isEqual ?? nil) ?? utf8.elementsEqual(other.utf8)
    }
}
