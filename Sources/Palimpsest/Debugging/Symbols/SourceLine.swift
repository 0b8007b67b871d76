/// A line of a guest's source, as its debug information has it.
struct SourceLine: Sendable, Hashable {
    let file: String
    let line: Int
}
