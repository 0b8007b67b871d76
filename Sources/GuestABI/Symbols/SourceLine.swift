import MicroVM

/// A line of a guest's source, as its debug information has it.
package struct SourceLine: Sendable, Hashable {
    package let file: String
    package let line: Int
}
