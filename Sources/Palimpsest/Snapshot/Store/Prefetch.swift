import CPalimpsest
import Glibc
import Synchronization
import SystemPackage

/// Brings into memory what a new sandbox is going to need, while it is being made.
enum Prefetch {
    /// A stretch of a layer's file.
    struct Stretch: Equatable {
        let layer: Int
        var range: Range<Int>
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

    static func start(_ memory: MemoryImage) {
        for stretch in stretches(memory) {
            posix_fadvise(
                memory.layers[stretch.layer].segment.descriptor.rawValue, stretch.range.lowerBound,
                stretch.range.count, POSIX_FADV_WILLNEED)
        }
    }
}
