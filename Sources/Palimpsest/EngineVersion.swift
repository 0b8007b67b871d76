/// A version of the engine, as in semantic versioning (https://semver.org).
public struct EngineVersion: Sendable, Hashable, CustomStringConvertible {
    public let major: Int
    public let minor: Int
    public let patch: Int

    /// This engine's.
    public static let current = EngineVersion(major: 0, minor: 1, patch: 0)

    package init(major: Int, minor: Int, patch: Int) {
        (self.major, self.minor, self.patch) = (major, minor, patch)
    }

    /// Three decimal numbers; nil if `text` is anything else.
    package init?(_ text: String) {
        let words = text.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = words.compactMap { $0.utf8.count <= 9 ? UInt32($0) : nil }.map(Int.init)
        guard words.count == 3, numbers.count == 3 else { return nil }
        self.init(major: numbers[0], minor: numbers[1], patch: numbers[2])
        guard description == text else { return nil }
    }

    /// Whether this engine runs what `other` saved. Of format and ABI the same version is needed anyway; this is about
    /// what an older engine cannot know. The same major version, and none newer; before 1.0 the minor version counts
    /// as the major one.
    package func canRun(savedBy other: EngineVersion) -> Bool {
        guard major == other.major else { return false }
        return major == 0 ? minor >= other.minor : (minor, patch) >= (other.minor, 0)
    }

    public var description: String { "\(major).\(minor).\(patch)" }
}
