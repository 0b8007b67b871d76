/// What is checked of a snapshot's layers when it is loaded. Manifest and config always are, digests and all.
public enum SnapshotVerification: Sendable, Hashable {
    /// That they are there and have the right sizes. What their pages hold is the guest's, and trusted as little as
    /// a guest is.
    case structure
    /// Also that their bytes are what was saved: all of them are read.
    case digests
}
