/// What the engine's spans and their attributes are called.
enum SpanName {
    static let poolCall = "palimpsest.pool.call"
    static let call = "palimpsest.call"
    static let hostFunction = "palimpsest.host_function"
    static let rollback = "palimpsest.rollback"
    static let save = "palimpsest.save"
    static let load = "palimpsest.load"
}

enum SpanAttribute {
    static let pool = "palimpsest.pool"
    static let snapshot = "palimpsest.snapshot"
    static let sandbox = "palimpsest.sandbox"
    static let function = "palimpsest.function"
    static let callCount = "palimpsest.call_count"
    /// `ok`, or the name of the error.
    static let outcome = "palimpsest.outcome"
    static let entries = "palimpsest.entries"
    static let traps = "palimpsest.traps"
    static let pagesCopied = "palimpsest.pages_copied"
    static let hostCalls = "palimpsest.host_calls"
    static let strategy = "palimpsest.strategy"
    static let pages = "palimpsest.pages"
    static let newPages = "palimpsest.new_pages"
    static let store = "palimpsest.store"
    static let reference = "palimpsest.reference"
    static let bytes = "palimpsest.bytes"
    static let layers = "palimpsest.layers"
}
