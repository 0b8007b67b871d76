import CPalimpsest

/// Copies and fills: for bytes that are in memory.
enum CopyRestorer {
    /// From here on, 8 MiB, copies go past the caches: their source and destination would fill more than a processor
    /// has, and reading each line before it is overwritten costs a third of the bandwidth. See docs/benchmarks.md.
    static let streamingPageCount = 2048

    static func restore(_ tracked: TrackedPages) throws(RollbackError) {
        if tracked.pageCount < streamingPageCount {
            for run in tracked.runs { try restore(run) }
        } else {
            try stream(tracked.runs)
        }
    }

    private static func restore(_ run: RestoreRun) throws(RollbackError) {
        guard let source = run.source else {
            run.destination.initializeMemory(as: UInt8.self, repeating: 0, count: run.byteCount)
            return
        }
        if run.mayVanish {
            guard pal_copy_guarded(run.destination, source, run.byteCount) == 0 else {
                throw .fileUnreadable(reason: "a mapped file has become shorter than it was")
            }
        } else {
            run.destination.copyMemory(from: source, byteCount: run.byteCount)
        }
    }

    private static func stream(_ runs: [RestoreRun]) throws(RollbackError) {
        defer { pal_end_streaming() }
        for index in runs.indices {
            let run = runs[index]
            if run.mayVanish {
                try restore(run)
            } else if let source = run.source {
                let next = index + 1 < runs.count ? runs[index + 1].source : nil
                pal_copy_streaming(run.destination, source, run.byteCount, next ?? source)
            } else {
                pal_zero_streaming(run.destination, run.byteCount)
            }
        }
    }
}
