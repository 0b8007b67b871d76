import GuestABI

/// A guest function, looked up and type-checked once: what a hot path calls.
///
/// Good for the sandbox it was looked up in, for its snapshots, and for every sandbox made from them, in a pool or not.
public struct GuestFunction<Result, each Argument: GuestValue>: Sendable {
    public let export: GuestExport
    @usableFromInline package let image: ImageIdentity
}
