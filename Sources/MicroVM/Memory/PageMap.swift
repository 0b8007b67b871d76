/// What the pages of a snapshot hold: runs of guest pages and the layer bytes behind them.
///
/// Pages that no run covers are zero-filled. Runs are sorted and do not overlap.
package struct PageMap: Sendable {
    /// The pristine content of a page.
    package enum Content {
        case zero
        case layer(MemoryLayer, offset: Int)
    }

    package struct Run: Sendable {
        package let pages: Range<GuestVirtualAddress>
        package let layer: MemoryLayer
        /// Of the first page, in bytes.
        package let offset: Int

        package init(pages: Range<GuestVirtualAddress>, layer: MemoryLayer, offset: Int) {
            self.pages = pages
            self.layer = layer
            self.offset = offset
        }

        /// The part of the run that lies in `pages`, which overlaps it.
        package func clamped(to pages: Range<GuestVirtualAddress>) -> Run {
            let part = self.pages.clamped(to: pages)
            return Run(pages: part, layer: layer, offset: offset + (part.lowerBound - self.pages.lowerBound))
        }

        package var frame: GuestPhysicalAddress { layer.place + offset }
    }

    package private(set) var runs: [Run]

    package init(_ runs: [Run] = []) { self.runs = runs.sorted { $0.pages.lowerBound < $1.pages.lowerBound } }

    /// Index of the first run that ends behind `address`.
    private func firstRun(endingBehind address: GuestVirtualAddress) -> Int {
        runs.endIndex(ofPrefixWhere: { $0.pages.upperBound <= address })
    }

    package func content(of page: GuestVirtualAddress) -> Content {
        let index = firstRun(endingBehind: page)
        guard index < runs.count, runs[index].pages.contains(page) else { return .zero }
        return .layer(runs[index].layer, offset: runs[index].offset + (page - runs[index].pages.lowerBound))
    }

    /// The runs inside a range, cut to it.
    package func runs(in pages: Range<GuestVirtualAddress>) -> [Run] {
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

    /// What differs between two maps, in order: ranges of pages whose content is not the same bytes of the same layer.
    /// One walk over both.
    func differences(from other: PageMap) -> [Range<GuestVirtualAddress>] {
        var found: [Range<GuestVirtualAddress>] = []
        var left = Cursor(self)
        var right = Cursor(other)
        while let start = Cursor.first(left, right) {
            let end = min(left.end(from: start), right.end(from: start))
            if !PageMap.isSame(left.content(at: start), right.content(at: start)) {
                if let last = found.last, last.upperBound == start {
                    found[found.count - 1] = last.lowerBound..<end
                } else {
                    found.append(start..<end)
                }
            }
            left.advance(to: end)
            right.advance(to: end)
        }
        return found
    }

    /// A place in a map on the way through it.
    private struct Cursor {
        private let runs: [Run]
        private var index = 0
        private var address = GuestVirtualAddress(rawValue: 0)

        init(_ map: PageMap) { runs = map.runs }

        private var run: Run? { index < runs.count ? runs[index] : nil }

        /// The next page, from here on, that a run covers.
        var start: GuestVirtualAddress? { run.map { max(address, $0.pages.lowerBound) } }

        static func first(_ left: Cursor, _ right: Cursor) -> GuestVirtualAddress? {
            guard let one = left.start else { return right.start }
            return right.start.map { min(one, $0) } ?? one
        }

        /// How far the content at `start`, which is not before this place, goes on.
        func end(from start: GuestVirtualAddress) -> GuestVirtualAddress {
            guard let run else { return GuestVirtualAddress(rawValue: .max) }
            return start < run.pages.lowerBound ? run.pages.lowerBound : run.pages.upperBound
        }

        func content(at page: GuestVirtualAddress) -> Content {
            guard let run, run.pages.contains(page) else { return .zero }
            return .layer(run.layer, offset: run.offset + (page - run.pages.lowerBound))
        }

        mutating func advance(to address: GuestVirtualAddress) {
            self.address = address
            while let run, run.pages.upperBound <= address { index += 1 }
        }
    }

    private static func isSame(_ left: Content, _ right: Content) -> Bool {
        switch (left, right) {
        case (.zero, .zero): true
        case (.layer(let one, let offset), .layer(let other, let otherOffset)): one === other && offset == otherOffset
        default: false
        }
    }
}
