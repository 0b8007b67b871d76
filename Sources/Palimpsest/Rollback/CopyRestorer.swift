import CPalimpsest

/// Copies and fills: for bytes that are in memory.
enum CopyRestorer {
    static func restore(_ runs: [RestoreRun]) throws(RollbackError) {
        for run in runs {
            guard let source = run.source else {
                run.destination.initializeMemory(as: UInt8.self, repeating: 0, count: run.byteCount)
                continue
            }
            if run.isFile {
                guard pal_copy_guarded(run.destination, source, run.byteCount) == 0 else {
                    throw .fileUnreadable(reason: "a mapped file has become shorter than it was")
                }
            } else {
                run.destination.copyMemory(from: source, byteCount: run.byteCount)
            }
        }
    }
}
