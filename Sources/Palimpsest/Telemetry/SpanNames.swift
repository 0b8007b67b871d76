/// What the engine's spans and their attributes are called.
package enum SpanName {
    package static let poolCall = "palimpsest.pool.call"
    package static let call = "palimpsest.call"
    static let hostFunction = "palimpsest.host_function"
    package static let rollback = "palimpsest.rollback"
    package static let save = "palimpsest.save"
    package static let load = "palimpsest.load"
}

package enum SpanAttribute {
    package static let pool = "palimpsest.pool"
    package static let snapshot = "palimpsest.snapshot"
    package static let sandbox = "palimpsest.sandbox"
    package static let function = "palimpsest.function"
    static let callCount = "palimpsest.call_count"
    /// `ok`, or the name of the error.
    package static let outcome = "palimpsest.outcome"
    package static let entries = "palimpsest.entries"
    static let traps = "palimpsest.traps"
    static let pagesCopied = "palimpsest.pages_copied"
    static let hostCalls = "palimpsest.host_calls"
    package static let strategy = "palimpsest.strategy"
    package static let pages = "palimpsest.pages"
    package static let newPages = "palimpsest.new_pages"
    package static let store = "palimpsest.store"
    package static let reference = "palimpsest.reference"
    package static let bytes = "palimpsest.bytes"
    package static let layers = "palimpsest.layers"
}
