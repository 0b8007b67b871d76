import CPalimpsest
import Palimpsest
import Tracing

/// Saving and loading: spans, times, errors.
extension SandboxTelemetry {
    func saving(
        _ tag: String, in store: String, _ snapshot: Snapshot, _ body: () throws(SnapshotStoreError) -> BlobDigest
    ) throws(SnapshotStoreError) -> BlobDigest {
        try around(SpanName.save, tag, store, metrics?.saveDuration.recordNanoseconds, body) { span, _ in
            SandboxTelemetry.describe(snapshot, in: span)
        }
    }

    func loading(
        _ reference: String, from store: String, _ body: () throws(SnapshotStoreError) -> Snapshot
    ) throws(SnapshotStoreError) -> Snapshot {
        try around(SpanName.load, reference, store, metrics?.loadDuration.recordNanoseconds, body) { span, snapshot in
            SandboxTelemetry.describe(snapshot, in: span)
        }
    }

    private static func describe(_ snapshot: Snapshot, in span: any Span) {
        span.set(SpanAttribute.bytes, snapshot.byteCount)
        span.set(SpanAttribute.layers, snapshot.layerCount)
    }

    private func around<Value>(
        _ name: String, _ reference: String, _ store: String, _ record: ((Int64) -> Void)?,
        _ body: () throws(SnapshotStoreError) -> Value, describe: (any Span, Value) -> Void
    ) throws(SnapshotStoreError) -> Value {
        let start = pal_monotonic_nanoseconds()
        let span = span(name)
        span?.attributes[SpanAttribute.store] = store
        span?.attributes[SpanAttribute.reference] = reference
        do throws(SnapshotStoreError) {
            let value = try body()
            record?(Int64(clamping: pal_monotonic_nanoseconds() &- start))
            if let span { describe(span, value) }
            span?.end(nil, name: nil)
            return value
        } catch {
            metrics?.storeErrors.increment()
            span?.end(error, name: error.name)
            throw error
        }
    }
}
