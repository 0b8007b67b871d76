import CPalimpsest
import Glibc
import SystemPackage

/// Reads pages from the layers' descriptors through io_uring: a deep queue where the bytes are on a disk, instead of
/// one page fault after the other.
///
/// All runs of a rollback go in one submission, whatever their number, straight to where they belong: the ring grows
/// with the batch. What it costs, and what was tried, is in docs/benchmarks.md.
final class RingRestorer {
    /// Longer runs are read in pieces of 128 KiB: from a disk, a single long read goes from one read-ahead window to
    /// the next and takes twice the time.
    static let maximumReadByteCount = 128 << 10
    private static let minimumEntryCount = 256
    /// More destinations than this are not registered: each costs 0.6 us, and as much to let go.
    private static let maximumBufferCount = 1024
    /// After so many rollbacks without it the ring is let go. Making one costs 0.1 ms.
    private static let unusedLimit = 1_000

    private enum State {
        case unknown
        case open(Ring)
        /// The kernel has none, or a policy forbids it: no need to ask again.
        case forbidden(MachineError)
    }

    private var state = State.unknown
    private var unusedCount = 0
    /// What is registered belongs to one list of pages, told from all others by its version; never to a descriptor's
    /// number, which the next file may have.
    private var filesVersion: UInt64?
    private var buffersVersion: UInt64?
    /// The list that was restored last.
    private var lastVersion: UInt64?

    /// Why the last ring that was asked for could not be made; nil if none has been refused.
    private(set) var failure: MachineError?

    /// Whether this process can have a ring; makes one at the first question.
    var isOpen: Bool { if case .open = state { true } else { false } }

    var isAvailable: Bool { (try? ring(for: 1)) != nil }

    private func ring(for requestCount: Int) throws(RollbackError) -> Ring {
        switch state {
        case .open(let ring) where ring.entryCount >= min(requestCount, Ring.maximumEntryCount): return ring
        case .forbidden(let error): throw .ringUnavailable(error)
        case .open, .unknown:
            let wanted = max(requestCount, RingRestorer.minimumEntryCount)
            let entryCount = min(Ring.maximumEntryCount, 1 << (Int.bitWidth - (wanted - 1).leadingZeroBitCount))
            close()
            do throws(MachineError) {
                let ring = try Ring(entryCount: entryCount)
                state = .open(ring)
                return ring
            } catch {
                if case .systemCall(_, .noFunction) = error { state = .forbidden(error) }
                if case .systemCall(_, .notPermitted) = error { state = .forbidden(error) }
                failure = error
                throw .ringUnavailable(error)
            }
        }
    }

    private func close() {
        state = .unknown
        filesVersion = nil
        buffersVersion = nil
        unusedCount = 0
    }

    /// To be called after every rollback without the ring.
    func noteUnused() {
        guard case .open = state else { return }
        unusedCount += 1
        if unusedCount >= RingRestorer.unusedLimit { close() }
    }

    /// Lets go of the files and the memory of a list that is about to change.
    func release() {
        guard case .open(let ring) = state else { return }
        if filesVersion != nil { try? ring.register(files: []) }
        if buffersVersion != nil { try? ring.register(buffers: []) }
        filesVersion = nil
        buffersVersion = nil
    }

    /// Restores every page of the list: zero pages are filled, all others read.
    func restore(_ tracked: TrackedPages) throws(RollbackError) {
        let ring = try ring(for: tracked.runs.reduce(0) { $0 + RingRestorer.requestCount($1) })
        unusedCount = 0
        let files = descriptors(tracked.runs)
        try register(files, of: tracked, ring)
        registerDestinations(of: tracked, ring)
        let isRegistered = buffersVersion == tracked.version
        for (index, run) in tracked.runs.enumerated() {
            guard let file = files.firstIndex(of: run.descriptor) else {
                run.destination.initializeMemory(as: UInt8.self, repeating: 0, count: run.byteCount)
                continue
            }
            try read(run, file, isRegistered ? index : nil, ring)
        }
        try submit(ring)
    }

    /// Reads that a run takes.
    static func requestCount(_ run: RestoreRun) -> Int {
        run.source == nil ? 0 : (run.byteCount + maximumReadByteCount - 1) / maximumReadByteCount
    }

    private func descriptors(_ runs: [RestoreRun]) -> [CInt] {
        var found: [CInt] = []
        for run in runs where run.source != nil && !found.contains(run.descriptor) { found.append(run.descriptor) }
        return found
    }

    private func register(_ files: [CInt], of tracked: TrackedPages, _ ring: Ring) throws(RollbackError) {
        guard filesVersion != tracked.version else { return }
        release()
        do throws(MachineError) {
            try ring.register(files: files)
            filesVersion = tracked.version
        } catch {
            throw .ringUnavailable(error)
        }
    }

    /// Registers the destinations of a list that comes the second time: it will come again.
    private func registerDestinations(of tracked: TrackedPages, _ ring: Ring) {
        defer { lastVersion = tracked.version }
        guard buffersVersion != tracked.version else { return }
        guard lastVersion == tracked.version, tracked.runs.count <= RingRestorer.maximumBufferCount else { return }
        let buffers = tracked.runs.map { iovec(iov_base: $0.destination, iov_len: $0.byteCount) }
        // More than may be locked, or than the kernel takes at once: reads work without.
        if (try? ring.register(buffers: buffers)) != nil { buffersVersion = tracked.version }
    }

    private func read(_ run: RestoreRun, _ file: Int, _ buffer: Int?, _ ring: Ring) throws(RollbackError) {
        // The last page of a file ends with the file; the rest of it is zero.
        let readable = min(run.byteCount, max(0, run.readableByteCount))
        (run.destination + readable).initializeMemory(as: UInt8.self, repeating: 0, count: run.byteCount - readable)
        for start in stride(from: 0, to: readable, by: RingRestorer.maximumReadByteCount) {
            if ring.isFull { try submit(ring) }
            let count = min(readable - start, RingRestorer.maximumReadByteCount)
            ring.prepareRead(
                file: file, offset: run.offset + start,
                into: UnsafeMutableRawBufferPointer(start: run.destination + start, count: count), buffer: buffer)
        }
    }

    private func submit(_ ring: Ring) throws(RollbackError) {
        do throws(Ring.Failure) {
            try ring.run()
        } catch {
            switch error {
            case .failed(let errno): throw .fileUnreadable(reason: "\(errno)")
            case .short(let byteCount, let expected):
                throw .fileUnreadable(reason: "read \(byteCount) bytes where \(expected) were expected")
            case .notSubmitted(let error):
                close()
                throw .ringUnavailable(error)
            }
        }
    }
}
