/// What the pages of a snapshot hold: runs of guest pages and the layer bytes behind them.
///
/// Pages that no run covers are zero-filled. Runs are sorted and do not overlap.
struct PageMap: Sendable {
    /// The pristine content of a page.
    enum Content {
        case zero
        case layer(MemoryLayer, offset: Int)
    }

    struct Run: Sendable {
        let pages: Range<GuestVirtualAddress>
        let layer: MemoryLayer
        /// Of the first page, in bytes.
        let offset: Int

        /// The part of the run that lies in `pages`, which overlaps it.
        func clamped(to pages: Range<GuestVirtualAddress>) -> Run {
            let part = self.pages.clamped(to: pages)
            return Run(pages: part, layer: layer, offset: offset + (part.lowerBound - self.pages.lowerBound))
        }

        var frame: GuestPhysicalAddress { layer.place + offset }
    }

    private(set) var runs: [Run]

    init(_ runs: [Run] = []) { self.runs = runs.sorted { $0.pages.lowerBound < $1.pages.lowerBound } }

    /// Index of the first run that ends behind `address`.
    private func firstRun(endingBehind address: GuestVirtualAddress) -> Int {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].pages.upperBound <= address { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func content(of page: GuestVirtualAddress) -> Content {
        let index = firstRun(endingBehind: page)
        guard index < runs.count, runs[index].pages.contains(page) else { return .zero }
        return .layer(runs[index].layer, offset: runs[index].offset + (page - runs[index].pages.lowerBound))
    }

    /// The runs inside a range, cut to it.
    func runs(in pages: Range<GuestVirtualAddress>) -> [Run] {
        var found: [Run] = []
        var index = firstRun(endingBehind: pages.lowerBound)
        while index < runs.count, runs[index].pages.lowerBound < pages.upperBound {
            found.append(runs[index].clamped(to: pages))
            index += 1
        }
        return found
    }

    /// The map with every page of `cleared` zero-filled, and then `added` (which lie in `cleared`) in place.
    /// Both are sorted.
    func replacing(_ cleared: [Range<GuestVirtualAddress>], with added: [Run]) -> PageMap {
        var kept: [Run] = []
        var next = cleared.startIndex
        for run in runs {
            var start = run.pages.lowerBound
            while next < cleared.endIndex, cleared[next].upperBound <= start { next += 1 }
            var hole = next
            while hole < cleared.endIndex, cleared[hole].lowerBound < run.pages.upperBound {
                if start < cleared[hole].lowerBound { kept.append(run.clamped(to: start..<cleared[hole].lowerBound)) }
                start = max(start, cleared[hole].upperBound)
                hole += 1
            }
            if start < run.pages.upperBound { kept.append(run.clamped(to: start..<run.pages.upperBound)) }
        }
        return PageMap(kept + added)
    }

    /// Visits what differs between two maps, in order: ranges of pages whose content is not the same bytes of the
    /// same layer.
    func differences(from other: PageMap) -> [Range<GuestVirtualAddress>] {
        let edges = (runs + other.runs).flatMap { [$0.pages.lowerBound, $0.pages.upperBound] }.sorted()
        var found: [Range<GuestVirtualAddress>] = []
        for (start, end) in zip(edges, edges.dropFirst()) where start < end {
            guard !PageMap.isSame(content(of: start), other.content(of: start)) else { continue }
            if let last = found.last, last.upperBound == start {
                found[found.count - 1] = last.lowerBound..<end
            } else {
                found.append(start..<end)
            }
        }
        return found
    }

    private static func isSame(_ left: Content, _ right: Content) -> Bool {
        switch (left, right) {
        case (.zero, .zero): true
        case (.layer(let one, let offset), .layer(let other, let otherOffset)): one === other && offset == otherOffset
        default: false
        }
    }
}
