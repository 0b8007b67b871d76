import Glibc

/// A name, for comparing it and for looking it up: equal to another if its bytes are.
///
/// Strings are equal if they are canonically equivalent (Unicode Standard, 3.7, D70): "\u{e9}" and "e\u{301}" are one
/// string, and U+212B, U+00C5 and "A\u{30a}" are. The names that guests, clients, stores and command lines give are what
/// their bytes say, and two of them that look alike are two. So no name is compared or hashed as a `String`.
///
/// Neither comparing nor hashing allocates, or looks anything up about a character.
package struct ByteName: Hashable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (one: ByteName, other: ByteName) -> Bool { one.text.hasBytes(of: other.text) }

    package func hash(into hasher: inout Hasher) {
        let isHashed: Void? = text.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        // Only strings that another language owns are not in one piece; equal ones have to hash alike all the same.
        if isHashed == nil { ContiguousArray(text.utf8).withUnsafeBytes { hasher.combine(bytes: $0) } }
    }
}

extension ByteName: Comparable {
    /// By bytes, which for UTF-8 is the order of the code points.
    package static func < (one: ByteName, other: ByteName) -> Bool {
        one.text.utf8.lexicographicallyPrecedes(other.text.utf8)
    }
}

extension StringProtocol {
    /// Whether this is `other`, byte by byte.
    package func hasBytes(of other: some StringProtocol) -> Bool {
        let isEqual = utf8.withContiguousStorageIfAvailable { bytes in
            other.utf8.withContiguousStorageIfAvailable { others in
                guard let one = bytes.baseAddress, let two = others.baseAddress else {
                    return bytes.isEmpty && others.isEmpty
                }
                return bytes.count == others.count && memcmp(one, two, bytes.count) == 0
            }
        }
        return (isEqual ?? nil) ?? utf8.elementsEqual(other.utf8)
    }
}
