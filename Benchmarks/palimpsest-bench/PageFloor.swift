import Glibc
@_spi(Benchmarks) import Palimpsest

/// The floor of a rollback: bare `memcpy` and `memset` of the very pages that a call writes, right after that call has
/// written them, with caches and TLBs as the call leaves them.
final class PageFloor {
    private let sandbox: Sandbox
    private let write: () throws -> Void
    private let runs: [Sandbox.WrittenRun]

    /// - Parameter stride: from one page to the next, in pages.
    init(_ snapshot: Snapshot, pageCount: Int, stride: Int) throws {
        let sandbox = try Sandbox(from: snapshot, configuration: .init(copiesWriteSet: false))
        let function = try sandbox.function("writePages", as: ((UInt64, UInt64) -> Void).self)
        write = { try sandbox.call(function, UInt64(pageCount), UInt64(stride)) }
        try write()
        runs = sandbox.writtenRuns(inRegion: "heap")
        self.sandbox = sandbox
        try BenchGuest.check(runs.reduce(0) { $0 + $1.byteCount } == pageCount * 4096)
    }

    var copy: Operation {
        Operation(prepare: write) { [runs] in
            for run in runs { memcpy(run.destination, run.source, run.byteCount) }
        }
    }

    /// What no call with a rollback can beat: the call, and the copy behind it.
    var callAndCopy: Operation {
        Operation { [write, runs] in
            try write()
            for run in runs { memcpy(run.destination, run.source, run.byteCount) }
        }
    }

    var fill: Operation {
        Operation(prepare: write) { [runs] in
            for run in runs { memset(run.destination, 0, run.byteCount) }
        }
    }
}
