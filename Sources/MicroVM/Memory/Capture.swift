/// Taking a snapshot: the pages written since the sandbox got its image become a layer, everything else is shared.
///
///     base:       | image | A | B | c | d |
///     snapshot:   | image | A | B | c | d | written |         a layer more
///     flattened:  | image | A | B | c, d and written |        when there would be too many
///
/// Reads the sandbox's memory and changes nothing of it.
package struct Capture {
    package enum Failure: Error {
        case machine(MachineError)
        case tooLarge(byteCount: Int, limit: Int)
    }

    /// Snapshot layers a sandbox may run from. Each costs every new sandbox a memory slot: see docs/benchmarks.md.
    static let maximumLayerCount = 8

    private struct SavedRun {
        let pages: Range<GuestVirtualAddress>
        let bytes: UnsafeRawPointer
    }

    private let base: MemoryImage
    /// Pages that no longer hold what the base says, neighbours as one range.
    private var changed: [Range<GuestVirtualAddress>] = []
    /// What they hold instead, where that is not zero.
    private var saved: [SavedRun] = []

    package static func image(of memory: AddressSpace) throws(Failure) -> MemoryImage {
        memory.collect()
        var capture = Capture(base: memory.image)
        for page in memory.tracked.contents { capture.add(page.address, page.bytes) }
        return try capture.makeImage()
    }

    private init(base: MemoryImage) { self.base = base }

    private mutating func add(_ page: GuestVirtualAddress, _ bytes: UnsafeRawPointer) {
        // A file's page that is gone equals nothing: what the guest has of it is kept.
        if PageComparison.isEqual(bytes, base.pages.content(of: page)) { return }
        let next = page..<page + pageByteCount
        if let last = changed.last, last.upperBound == page {
            changed[changed.count - 1] = last.lowerBound..<next.upperBound
        } else {
            changed.append(next)
        }
        if !PageComparison.isZero(bytes) { saved.append(SavedRun(pages: next, bytes: bytes)) }
    }

    private func makeImage() throws(Failure) -> MemoryImage {
        if changed.isEmpty { return base }
        let kept = base.pages.replacing(changed, with: [])
        // A layer that no page is read from any more is left behind; the ELF's stays.
        let layers = base.snapshotLayers.enumerated().filter { index, layer in
            index == 0 || kept.runs.contains { $0.layer === layer }
        }.map(\.element)
        guard !saved.isEmpty else { return base.with(layers: layers + base.files, pages: kept) }
        let merged = layersToMerge(layers)
        if merged.isEmpty { return try makeImage(saved, on: layers, kept) }
        let (below, above) = split(kept, merged)
        let all = (saved + above).sorted { $0.pages.lowerBound < $1.pages.lowerBound }
        return try makeImage(all, on: layers.dropLast(merged.count), PageMap(below))
    }

    /// None, as long as there may be more. Otherwise the newest layers, as far down as each is no more than twice as
    /// large as all above it together: a large layer is not copied again for the sake of a few pages, and no page is
    /// copied more often than about the logarithm of how many there are. The first layer, the ELF's, stays: every
    /// snapshot of the guest shares it.
    ///
    /// Places only go up from layer to layer. Where there is none left for the new one, all but the first are merged.
    private func layersToMerge(_ layers: [MemoryLayer]) -> ArraySlice<MemoryLayer> {
        var byteCount = saved.reduce(0) { $0 + ($1.pages.upperBound - $1.pages.lowerBound) }
        var start = layers.endIndex
        while layers.count >= Capture.maximumLayerCount, start > 1,
            start == layers.endIndex || layers[start - 1].byteCount <= 2 * byteCount
        {
            start -= 1
            byteCount += layers[start].byteCount
        }
        let room = GuestLayout.scratchPhysical - Capture.place(on: layers[..<start])
        return byteCount <= room ? layers[start...] : layers.dropFirst()
    }

    /// Where a layer above `layers` goes.
    private static func place(on layers: some BidirectionalCollection<MemoryLayer>) -> GuestPhysicalAddress {
        layers.last?.nextPlace ?? GuestLayout.layersPhysical
    }

    /// Runs that stay where they are, and runs of the layers that are to be merged.
    private func split(
        _ pages: PageMap, _ merged: ArraySlice<MemoryLayer>
    ) -> ([PageMap.Run], [SavedRun]) {
        var below: [PageMap.Run] = []
        var above: [SavedRun] = []
        for run in pages.runs {
            if merged.contains(where: { $0 === run.layer }) {
                above.append(SavedRun(pages: run.pages, bytes: run.layer.bytes(at: run.offset)))
            } else {
                below.append(run)
            }
        }
        return (below, above)
    }

    private func makeImage(
        _ saved: [SavedRun], on layers: [MemoryLayer], _ kept: PageMap
    ) throws(Failure) -> MemoryImage {
        let place = Capture.place(on: layers)
        let byteCount = saved.reduce(0) { $0 + ($1.pages.upperBound - $1.pages.lowerBound) }
        let limit = GuestLayout.scratchPhysical - place
        guard byteCount <= limit else { throw .tooLarge(byteCount: byteCount, limit: limit) }
        let layer = MemoryLayer(try segment(saved, byteCount), at: place)
        var runs: [PageMap.Run] = []
        var offset = 0
        for run in saved {
            let count = run.pages.upperBound - run.pages.lowerBound
            if let last = runs.last, last.pages.upperBound == run.pages.lowerBound {
                let pages = last.pages.lowerBound..<run.pages.upperBound
                runs[runs.count - 1] = PageMap.Run(pages: pages, layer: layer, offset: last.offset)
            } else {
                runs.append(PageMap.Run(pages: run.pages, layer: layer, offset: offset))
            }
            offset += count
        }
        return base.with(layers: layers + [layer] + base.files, pages: PageMap(kept.runs + runs))
    }

    private func segment(_ saved: [SavedRun], _ byteCount: Int) throws(Failure) -> SharedMemorySegment {
        do throws(MachineError) {
            return try SharedMemorySegment.snapshot(byteCount: byteCount) { writer throws(MachineError) in
                var offset = 0
                for run in joined(saved) {
                    try writer.write(run, at: offset)
                    offset += run.count
                }
            }
        } catch {
            throw .machine(error)
        }
    }

    /// Neighbours in the host as one piece: fewer system calls.
    private func joined(_ saved: [SavedRun]) -> [UnsafeRawBufferPointer] {
        var pieces: [UnsafeRawBufferPointer] = []
        for run in saved {
            let count = run.pages.upperBound - run.pages.lowerBound
            if let last = pieces.last, let start = last.baseAddress, start + last.count == run.bytes {
                pieces[pieces.count - 1] = UnsafeRawBufferPointer(start: start, count: last.count + count)
            } else {
                pieces.append(UnsafeRawBufferPointer(start: run.bytes, count: count))
            }
        }
        return pieces
    }
}
