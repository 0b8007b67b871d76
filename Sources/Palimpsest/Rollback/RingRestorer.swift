import CPalimpsest
import Logging
import Synchronization
import SystemPackage

/// Reads pages from the layers' descriptors through io_uring: a deep queue where the bytes are on a disk, instead of
/// one page fault after the other.
///
/// Reads go to a small registered buffer and are copied from there. Registering scratch itself would pin all of it,
/// and it is sparse: a sandbox of a few pages would become one of its full size. The copy costs 0.1 us of a page's
/// microseconds.
final class RingRestorer {
    /// 1 MiB: 256 pages a submission.
    static let bufferByteCount = Ring.queueDepth * pageByteCount

    private enum State {
        case unknown
        case open(Ring)
        case closed(MachineError)
    }

    private struct Part {
        let destination: UnsafeMutableRawPointer
        let bufferOffset: Int
        let byteCount: Int
    }

    private var state = State.unknown
    private var parts: [Part] = []
    private var usedByteCount = 0

    /// Makes the ring at the first question.
    var isAvailable: Bool { (try? ring()) != nil }

    private func ring() throws(RollbackError) -> Ring {
        switch state {
        case .open(let ring): return ring
        case .closed(let error): throw .ringUnavailable(error)
        case .unknown:
            do throws(MachineError) {
                let ring = try Ring(bufferByteCount: RingRestorer.bufferByteCount)
                state = .open(ring)
                return ring
            } catch {
                state = .closed(error)
                RingRestorer.notice(error)
                throw .ringUnavailable(error)
            }
        }
    }

    /// After so many rollbacks without it the ring is let go: it pins its buffer. Making one costs half a millisecond.
    private static let unusedLimit = 1_000
    private var unusedCount = 0

    func noteUnused() {
        guard case .open = state else { return }
        unusedCount += 1
        if unusedCount >= RingRestorer.unusedLimit { state = .unknown }
    }

    private static let isNoticed = Atomic<Bool>(false)

    /// Said once a process.
    private static func notice(_ error: MachineError) {
        guard !isNoticed.exchange(true, ordering: .relaxed) else { return }
        Logger(label: "palimpsest").notice("io_uring is not available, rollbacks copy instead: \(error)")
    }

    /// Zero pages are filled; all others are read, a run of neighbours as one request as far as the buffer goes. More
    /// than the queue or the buffer holds goes in several submissions; each is waited for and checked.
    func restore(_ runs: [RestoreRun]) throws(RollbackError) {
        let ring = try ring()
        unusedCount = 0
        let files = descriptors(runs)
        do throws(MachineError) {
            if !files.isEmpty { try ring.register(files) }
        } catch {
            throw .ringUnavailable(error)
        }
        for run in runs {
            guard run.source != nil, let file = files.firstIndex(of: run.descriptor) else {
                run.destination.initializeMemory(as: UInt8.self, repeating: 0, count: run.byteCount)
                continue
            }
            try read(run, file, ring)
        }
        try flush(ring)
    }

    private func read(_ run: RestoreRun, _ file: Int, _ ring: Ring) throws(RollbackError) {
        var done = 0
        while done < run.byteCount {
            if ring.isFull || usedByteCount == ring.buffer.count { try flush(ring) }
            let count = min(run.byteCount - done, ring.buffer.count - usedByteCount)
            // The last page of a file ends with the file; the rest of it is zero.
            let readable = min(count, max(0, run.readableByteCount - done))
            if readable > 0 {
                ring.prepareRead(
                    file: file, offset: run.offset + done, byteCount: readable, to: usedByteCount)
            }
            if readable < count {
                let rest = ring.buffer[usedByteCount + readable..<usedByteCount + count]
                UnsafeMutableRawBufferPointer(rebasing: rest).initializeMemory(as: UInt8.self, repeating: 0)
            }
            parts.append(
                Part(destination: run.destination + done, bufferOffset: usedByteCount, byteCount: count))
            usedByteCount += count
            done += count
        }
    }

    private func flush(_ ring: Ring) throws(RollbackError) {
        defer {
            parts.removeAll(keepingCapacity: true)
            usedByteCount = 0
        }
        do throws(Ring.Failure) {
            if ring.preparedCount > 0 { try ring.submitAndWait() }
        } catch {
            throw .fileUnreadable(
                reason: error.result < 0
                    ? "\(Errno(rawValue: -error.result))"
                    : "read \(error.result) bytes where \(error.expectedByteCount) were expected")
        }
        for part in parts {
            part.destination.copyMemory(
                from: ring.buffer.baseAddress.unsafelyUnwrapped + part.bufferOffset, byteCount: part.byteCount)
        }
    }

    private func descriptors(_ runs: [RestoreRun]) -> [CInt] {
        var found: [CInt] = []
        for run in runs where run.source != nil && !found.contains(run.descriptor) { found.append(run.descriptor) }
        return found
    }
}
