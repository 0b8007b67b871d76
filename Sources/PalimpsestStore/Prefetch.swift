import CPalimpsest
import Glibc
import MicroVM
import Synchronization
import SystemPackage

/// Brings into memory what a new sandbox is going to need, while it is being made: requests to the ring, whose workers
/// read ahead of the guest.
enum Prefetch {
    /// A stretch of a layer's file.
    struct Stretch: Equatable {
        let layer: Int
        var range: Range<Int>
    }

    /// One for the process: making a ring costs more than a load.
    private static let ring = Mutex<FileRing?>(nil)

    /// The largest piece of one request: several workers read a long stretch.
    private static let requestByteCount = 4 << 20

    static func start(_ memory: MemoryImage) {
        let stretches = stretches(memory).filter { !isResident($0, memory) }
        guard !stretches.isEmpty else { return }
        ring.withLock { ring in
            let current = ring ?? FileRing()
            ring = current
            for stretch in stretches {
                request(stretch.range, of: memory.layers[stretch.layer].segment.descriptor, current)
            }
        }
    }

    /// Whether both ends are in memory already: nothing is asked for then.
    private static func isResident(_ stretch: Stretch, _ memory: MemoryImage) -> Bool {
        [stretch.range.lowerBound, stretch.range.upperBound - pageByteCount].allSatisfy {
            isResident(memory.layers[stretch.layer], $0)
        }
    }

    /// By a read that may not wait; where the file system knows no such thing, by mincore(2).
    static func isResident(_ layer: MemoryLayer, _ offset: Int) -> Bool {
        let answer = pal_file_is_cached(layer.segment.descriptor.rawValue, UInt64(offset))
        guard answer < 0 else { return answer == 1 }
        var state: UInt8 = 0
        let page = UnsafeMutableRawPointer(mutating: layer.bytes(at: offset))
        return mincore(page, pageByteCount, &state) == 0 && state & 1 != 0
    }

    /// A hint: what cannot be requested is read when it is touched.
    private static func request(_ range: Range<Int>, of file: FileDescriptor, _ ring: FileRing) {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: requestByteCount) {
            let count = min(requestByteCount, range.upperBound - start)
            do throws(Errno) {
                while ring.isFull { _ = try ring.wait() }
                _ = try ring.submit(
                    .init(operation: .willNeed, descriptor: file, offset: start, byteCount: count))
            } catch {
                return
            }
        }
    }

    /// What the write set and the hot pages need of the layers' files, in that order, neighbours joined.
    static func stretches(_ memory: MemoryImage) -> [Stretch] {
        var stretches: [Stretch] = []
        for page in memory.firstNeeded {
            guard case .layer(let layer, let offset) = memory.pages.content(of: page), layer.mayVanish,
                let index = memory.layers.firstIndex(where: { $0 === layer })
            else { continue }
            if let last = stretches.last, last.layer == index, last.range.upperBound == offset {
                stretches[stretches.count - 1].range = last.range.lowerBound..<offset + pageByteCount
            } else {
                stretches.append(Stretch(layer: index, range: offset..<offset + pageByteCount))
            }
        }
        return stretches
    }
}
