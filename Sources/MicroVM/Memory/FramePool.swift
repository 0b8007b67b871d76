/// Page frames handed out one after another: where page tables live, and copies of pages without a place of their own.
///
/// The frames are guest-physical; `host` says where the host has them. A pool need not be in scratch: a page-table
/// image is built in ordinary memory that stands in for the frames it will be copied to.
package final class FramePool {
    package let frames: Range<GuestPhysicalAddress>
    private let memory: UnsafeMutableRawPointer
    private let first: GuestPhysicalAddress
    private var next: GuestPhysicalAddress

    /// - Parameters:
    ///   - memory: the first frame in the host: as many zero-filled bytes as `frames` has. The owner keeps it.
    ///   - usedByteCount: frames at the start that are taken already.
    init(frames: Range<GuestPhysicalAddress>, memory: UnsafeMutableRawPointer, usedByteCount: Int = 0) {
        self.frames = frames
        self.memory = memory
        first = frames.lowerBound + usedByteCount
        next = first
    }

    var usedByteCount: Int { next - frames.lowerBound }
    var remainingFrameCount: Int { (frames.upperBound - next) / pageByteCount }
    /// More than half of the frames that were to be had are taken: no more to spare for guesses.
    var isScarce: Bool { next - first > (frames.upperBound - first) / 2 }

    /// A zero-filled frame; nil when the pool is used up.
    package func allocate() -> GuestPhysicalAddress? {
        guard next < frames.upperBound else { return nil }
        defer { next = next + pageByteCount }
        return next
    }

    package func host(_ frame: GuestPhysicalAddress) -> UnsafeMutableRawPointer {
        precondition(frames.contains(frame), "\(frame) is not in the pool")
        return memory + (frame - frames.lowerBound)
    }
}
