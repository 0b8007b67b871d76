import Tracing

extension Span {
    /// Ends the span with what became of what it is around.
    /// - Parameter name: of the error, for attributes.
    package func end(_ error: (any Error)?, name: String?) {
        attributes[SpanAttribute.outcome] = name ?? "ok"
        if let error {
            recordError(error)
            setStatus(SpanStatus(code: .error))
        }
        end()
    }

    /// Numbers that only spans carry that are recorded.
    package func set(_ name: String, _ value: Int) { attributes[name] = value }
}
