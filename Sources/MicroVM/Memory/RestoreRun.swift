/// Consecutive pages of scratch and where their pristine bytes are: one copy, one fill or one read.
package struct RestoreRun {
    package let destination: UnsafeMutableRawPointer
    /// Nil if the pages are to be zero.
    package let source: UnsafeRawPointer?
    package private(set) var byteCount: Int
    /// The layer's descriptor and the source's offset in it; -1 if the pages are to be zero.
    package let descriptor: CInt
    package let offset: Int
    /// Bytes from `offset` to the end of the layer: a file's last page has fewer than a page.
    let readableByteCount: Int
    /// The source may vanish: it is copied with a guard.
    package let mayVanish: Bool

    init(destination: UnsafeMutableRawPointer, content: PageMap.Content) {
        self.destination = destination
        byteCount = pageByteCount
        switch content {
        case .zero: (source, descriptor, offset, readableByteCount, mayVanish) = (nil, -1, 0, 0, false)
        case .layer(let layer, let offset):
            source = layer.bytes(at: offset)
            descriptor = layer.segment.descriptor.rawValue
            self.offset = offset
            readableByteCount = layer.readableByteCount - offset
            mayVanish = layer.mayVanish
        }
    }

    /// This run and the next as one, if they are neighbours on both sides.
    package func joined(with next: RestoreRun) -> RestoreRun? {
        guard destination + byteCount == next.destination, descriptor == next.descriptor else { return nil }
        guard source == nil || offset + byteCount == next.offset else { return nil }
        var joined = self
        joined.byteCount += next.byteCount
        return joined
    }
}
