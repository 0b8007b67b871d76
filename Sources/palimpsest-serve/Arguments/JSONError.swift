/// Why bytes are not JSON, or not JSON that is accepted.
struct JSONError: Error, Equatable, CustomStringConvertible {
    /// Of the first byte that is wrong.
    let offset: Int
    let expected: String
    let found: String

    var description: String { "At byte \(offset): expected \(expected), found \(found)." }
}
