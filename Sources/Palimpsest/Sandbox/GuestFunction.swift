/// A guest function, looked up and type-checked once: what a hot path calls.
///
/// Good for the sandbox it was looked up in.
public struct GuestFunction<Result, each Argument: GuestValue>: Sendable {
    public let export: GuestExport
    @usableFromInline let image: ImageIdentity
}

/// Which guest a function handle belongs to.
@usableFromInline
final class ImageIdentity: Sendable {
    init() {}
}
