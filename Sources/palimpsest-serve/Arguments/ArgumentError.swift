import Palimpsest

/// Why the arguments of a call are not what its function takes.
enum ArgumentError: Error, Equatable {
    case notAnArray(found: String)
    case wrongCount(expected: Int, found: Int)
    /// `position` counts from 1.
    case wrongType(position: Int, type: GuestValueType, found: String)
    case outOfRange(position: Int, type: GuestValueType, found: String)
}
