/// Which guest a function handle belongs to: all sandboxes and snapshots of one loaded guest share it.
@usableFromInline
final class ImageIdentity: Sendable {
    init() {}
}
