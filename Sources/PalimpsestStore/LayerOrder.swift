import MicroVM

/// In which order a layer's pages are written: those that a new sandbox touches first come first, in the order of
/// first touch, so that they are one sequential read; the rest as they are.
struct LayerOrder {
    /// Stretches of the layer, in bytes, in the blob's order.
    private let stretches: [Range<Int>]

    init(_ layer: MemoryLayer, hot memory: MemoryImage) {
        var hot: [Range<Int>] = []
        var seen: Set<Int> = []
        for page in memory.firstNeeded {
            guard case .layer(let owner, let offset) = memory.pages.content(of: page), owner === layer,
                seen.insert(offset).inserted
            else { continue }
            LayerOrder.append(offset..<offset + pageByteCount, to: &hot)
        }
        stretches = hot + LayerOrder.gaps(between: hot, in: 0..<layer.byteCount)
    }

    /// The order a layer was written in before.
    init(_ stored: StoredLayer) {
        stretches = stored.pieces(of: 0..<stored.byteCount).sorted { $0.blobOffset < $1.blobOffset }
            .map { $0.layerOffset..<$0.layerOffset + $0.byteCount }
    }

    private static func append(_ range: Range<Int>, to stretches: inout [Range<Int>]) {
        if let last = stretches.last, last.upperBound == range.lowerBound {
            stretches[stretches.count - 1] = last.lowerBound..<range.upperBound
        } else {
            stretches.append(range)
        }
    }

    private static func gaps(between taken: [Range<Int>], in whole: Range<Int>) -> [Range<Int>] {
        var gaps: [Range<Int>] = []
        var start = whole.lowerBound
        for range in taken.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if start < range.lowerBound { gaps.append(start..<range.lowerBound) }
            start = range.upperBound
        }
        if start < whole.upperBound { gaps.append(start..<whole.upperBound) }
        return gaps
    }

    /// For `StoredLayer`: empty if the order is the layer's own.
    var pieces: [StoredLayer.Piece] {
        guard stretches.count > 1 else { return [] }
        var blobOffset = 0
        return stretches.map { range in
            defer { blobOffset += range.count }
            return StoredLayer.Piece(layerOffset: range.lowerBound, blobOffset: blobOffset, byteCount: range.count)
        }
    }

    /// The same cut into chunks of at most `byteCount` bytes, each a list of stretches.
    func chunks(byteCount: Int) -> [[Range<Int>]] {
        var chunks: [[Range<Int>]] = []
        var chunk: [Range<Int>] = []
        var room = byteCount
        for stretch in stretches {
            var start = stretch.lowerBound
            while start < stretch.upperBound {
                let part = start..<min(stretch.upperBound, start + room)
                chunk.append(part)
                start = part.upperBound
                room -= part.count
                if room == 0 {
                    chunks.append(chunk)
                    (chunk, room) = ([], byteCount)
                }
            }
        }
        return chunk.isEmpty ? chunks : chunks + [chunk]
    }
}
