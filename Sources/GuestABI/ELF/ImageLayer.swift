import MicroVM

/// The first layer of a guest: its ELF's segments as sealed pages, packed one after another.
///
///     ELF:    | code  | rodata | data | bss |
///     layer:  | code  | rodata | data |            one read-only slot
///     scratch:                        | bss |      whole pages without file bytes are zero-filled memory
struct ImageLayer: Sendable {
    /// A run of guest pages and where it starts in the layer.
    struct Run: Sendable {
        let pages: Range<GuestVirtualAddress>
        let layerOffset: Int
        let access: MemoryAccess
    }

    let segment: SharedMemorySegment
    let runs: [Run]
    /// Pages behind the file bytes of a segment: zero-filled, private.
    let zeroRuns: [(pages: Range<GuestVirtualAddress>, access: MemoryAccess)]

    init(_ image: ELFImage) throws(MachineError) {
        var runs: [Run] = []
        var zeroRuns: [(pages: Range<GuestVirtualAddress>, access: MemoryAccess)] = []
        var byteCount = 0
        for segment in image.segments {
            let pages = segment.filePages
            if !pages.isEmpty {
                runs.append(Run(pages: pages, layerOffset: byteCount, access: segment.access))
                byteCount += pages.upperBound - pages.lowerBound
            }
            if pages.upperBound < segment.pages.upperBound {
                zeroRuns.append((pages.upperBound..<segment.pages.upperBound, segment.access))
            }
        }
        self.runs = runs
        self.zeroRuns = zeroRuns
        segment = try SharedMemorySegment.snapshot(byteCount: max(byteCount, pageByteCount)) {
            writer throws(MachineError) in
            for run in runs {
                for segment in image.segments where segment.filePages == run.pages {
                    let start = run.layerOffset + (segment.address - run.pages.lowerBound)
                    try image.withBytes(segment.fileRange) { bytes throws(MachineError) in
                        try writer.write(bytes, at: start)
                    }
                }
            }
        }
    }

    var zeroByteCount: Int { zeroRuns.reduce(0) { $0 + ($1.pages.upperBound - $1.pages.lowerBound) } }
}
