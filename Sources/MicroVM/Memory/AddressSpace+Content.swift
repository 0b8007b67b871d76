/// What there is of a guest's memory, page by page: for whoever writes all of it somewhere else.
extension AddressSpace {
    /// The pages of a region that hold anything but zeros, in order; a file's that are lost are none. Pages nobody has
    /// touched are not looked at, but for the mailbox's.
    package func filledPages(of mapping: RegionMap.Mapping) -> [Range<GuestVirtualAddress>] {
        var found: [Range<GuestVirtualAddress>] = []
        forEachCandidate(mapping) { page in
            guard let bytes = hostPage(page, mapping), !PageComparison.isZero(bytes) else { return }
            if let last = found.last, last.upperBound == page {
                found[found.count - 1] = last.lowerBound..<page + pageByteCount
            } else {
                found.append(page..<page + pageByteCount)
            }
        }
        return found
    }

    /// Copies pages of a region, which have as many bytes as `buffer`. A lost page of a file is left as it is there.
    package func copy(
        _ pages: Range<GuestVirtualAddress>, of mapping: RegionMap.Mapping, to buffer: UnsafeMutableRawBufferPointer
    ) {
        precondition(pages.upperBound - pages.lowerBound == buffer.count)
        guard let base = buffer.baseAddress else { return }
        for offset in stride(from: 0, to: buffer.count, by: pageByteCount) {
            guard let page = hostPage(pages.lowerBound + offset, mapping) else { continue }
            (base + offset).copyMemory(from: page, byteCount: pageByteCount)
        }
    }

    /// Pages that may hold something. Where a leaf table has not been made, only what the image has: a heap of
    /// gigabytes takes no longer than what is used of it.
    private func forEachCandidate(_ mapping: RegionMap.Mapping, _ body: (GuestVirtualAddress) -> Void) {
        let region = mapping.region.guest
        func visit(_ pages: Range<GuestVirtualAddress>, where isCandidate: (GuestVirtualAddress) -> Bool) {
            for offset in stride(from: 0, to: pages.upperBound - pages.lowerBound, by: pageByteCount)
            where isCandidate(pages.lowerBound + offset) {
                body(pages.lowerBound + offset)
            }
        }
        switch mapping.backing {
        case .none: return
        case .fixed, .shared: return visit(region) { _ in true }
        case .home, .pool: break
        }
        var start = region.lowerBound
        while start < region.upperBound {
            let span = PageTables.tableSpan - Int(start.rawValue & UInt64(PageTables.tableSpan - 1))
            let end = min(start + span, region.upperBound)
            if tables.leaf(start) == nil {
                for run in image.pages.runs(in: start..<end) { visit(run.pages) { _ in true } }
            } else {
                visit(start..<end, where: mayBeFilled)
            }
            start = end
        }
    }

    /// A zero-filled page holds something if the guest has written it: its dirty bit says so.
    private func mayBeFilled(_ page: GuestVirtualAddress) -> Bool {
        if case .layer = image.pages.content(of: page) { return true }
        let entry = tables[page]
        return entry.isPresent && scratch.contains(entry.frame) && entry.isDirty
    }
}
