/// A guest function, looked up and type-checked once: what a hot path calls.
///
/// Good for every sandbox that runs the same guest image.
public struct GuestFunction<Result, each Argument: GuestValue>: Sendable {
    public let export: GuestExport
    @usableFromInline let image: ImageIdentity

    init(export: GuestExport, image: ImageIdentity) {
        self.export = export
        self.image = image
    }
}

/// Which guest a function handle belongs to: two sandboxes share it exactly when they run the same image.
@usableFromInline
final class ImageIdentity: Sendable {
    init() {}
}
