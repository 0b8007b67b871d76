import MicroVM

/// Which guest a function handle belongs to: all sandboxes and snapshots of one loaded guest share it.
@usableFromInline
package final class ImageIdentity: Sendable {
    init() {}
}
