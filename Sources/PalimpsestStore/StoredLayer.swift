import MicroVM

/// How a layer lies in a store: under which digest, and in which order its pages.
///
///     layer in memory:   | a | b | c | d | e |      in address order
///     blob:              | d | b | a | c | e |      first what a new sandbox needs first
struct StoredLayer: Sendable {
    /// A stretch of the layer and where it is in the blob, in bytes, whole pages.
    struct Piece: Sendable, Equatable {
        let layerOffset: Int
        let blobOffset: Int
        let byteCount: Int
    }

    let digest: BlobDigest
    let byteCount: Int
    /// In layer order, without gaps. Empty if the orders are the same.
    private let pieces: [Piece]

    init(digest: BlobDigest, byteCount: Int, pieces: [Piece] = []) {
        self.digest = digest
        self.byteCount = byteCount
        self.pieces = pieces.sorted { $0.layerOffset < $1.layerOffset }
    }

    /// Where a stretch of the layer is in the blob, piece by piece.
    func pieces(of range: Range<Int>) -> [Piece] {
        guard !pieces.isEmpty else {
            return [Piece(layerOffset: range.lowerBound, blobOffset: range.lowerBound, byteCount: range.count)]
        }
        var found: [Piece] = []
        var index = firstPiece(endingBehind: range.lowerBound)
        while index < pieces.count, pieces[index].layerOffset < range.upperBound {
            let piece = pieces[index]
            let part = (piece.layerOffset..<piece.layerOffset + piece.byteCount).clamped(to: range)
            found.append(
                Piece(
                    layerOffset: part.lowerBound, blobOffset: piece.blobOffset + part.lowerBound - piece.layerOffset,
                    byteCount: part.count))
            index += 1
        }
        return found
    }

    private func firstPiece(endingBehind offset: Int) -> Int {
        pieces.endIndex(ofPrefixWhere: { $0.layerOffset + $0.byteCount <= offset })
    }
}

extension MemoryLayer {
    /// How this layer lies in a store, once it does: saving another snapshot that has it writes it no more.
    var stored: StoredLayer? {
        get { annotation.withLock { $0 as? StoredLayer } }
        set { annotation.withLock { $0 = newValue } }
    }
}
