import MicroVM

/// Page map, write set and hot pages: packed numbers, each checked against what it counts or points into.
extension SnapshotConfigReader {
    /// - Parameters:
    ///   - layers: the snapshot's layers, then its files.
    ///   - regions: what the pages lie in.
    func pageMap(_ layers: [MemoryLayer], _ regions: RegionMap) throws(SnapshotStoreError) -> PageMap {
        var reader = PackedIntegers.Reader(config.pages)
        var runs: [PageMap.Run] = []
        var end = GuestVirtualAddress(rawValue: 0)
        // Put together only for an error: there may be a hundred thousand runs.
        func field(_ index: Int) -> String { "pages[\(index)]" }
        while !reader.isAtEnd {
            guard runs.count < StoreLimits.runCount else {
                throw invalid("pages", "expected at most \(StoreLimits.runCount) runs")
            }
            let (distance, count, layer, offset) = try numbers(&reader, field(runs.count))
            guard let index = layer.index(below: layers.count) else {
                throw invalid(field(runs.count), "layer \(layer.uncheckedValue): there are \(layers.count)")
            }
            let pages = try pages(behind: end, distance, count, field(runs.count))
            let pageCount = layers[index].byteCount / pageByteCount
            guard let stretch = offset.range(count: count, upTo: pageCount) else {
                throw invalid(
                    field(runs.count),
                    "\(count.uncheckedValue) pages at \(offset.uncheckedValue) of layer \(index), which has \(pageCount)"
                )
            }
            try check(pages, regions, field(runs.count))
            runs.append(.init(pages: pages, layer: layers[index], offset: stretch.lowerBound * pageByteCount))
            end = pages.upperBound
        }
        return PageMap(runs)
    }

    private func numbers(
        _ reader: inout PackedIntegers.Reader, _ field: @autoclosure () -> String
    ) throws(SnapshotStoreError) -> (Untrusted<Int>, Untrusted<Int>, Untrusted<Int>, Untrusted<Int>) {
        do throws(PackedIntegers.Reader.Malformed) {
            return (try reader.next(), try reader.next(), try reader.next(), try reader.next())
        } catch {
            throw invalid(field(), "expected four numbers in ULEB128")
        }
    }

    /// The pages of a run, none of them beyond ring 3's half.
    /// - Parameters:
    ///   - end: of the run before it.
    ///   - distance: from there, in pages.
    private func pages(
        behind end: GuestVirtualAddress, _ distance: Untrusted<Int>, _ count: Untrusted<Int>,
        _ field: @autoclosure () -> String
    ) throws(SnapshotStoreError) -> Range<GuestVirtualAddress> {
        let zero = GuestVirtualAddress(rawValue: 0)
        let limit = (GuestLayout.userEnd - zero) / pageByteCount
        let first = distance &+ Untrusted((end - zero) / pageByteCount)
        guard let pages = first.range(count: count, upTo: limit), !pages.isEmpty else {
            throw invalid(
                field(),
                "\(count.uncheckedValue) pages from page \(first.uncheckedValue) on: expected at least one, below page "
                    + "\(limit)")
        }
        return zero + pages.lowerBound * pageByteCount..<zero + pages.upperBound * pageByteCount
    }

    /// Every page of a run is in a region that can hold a snapshot's bytes.
    private func check(
        _ pages: Range<GuestVirtualAddress>, _ regions: RegionMap, _ field: @autoclosure () -> String
    ) throws(SnapshotStoreError) {
        var next = pages.lowerBound
        while next < pages.upperBound {
            guard let mapping = regions.mapping(at: next) else { throw invalid(field(), "\(next) is in no region") }
            switch mapping.backing {
            case .home, .pool, .shared: next = mapping.region.guest.upperBound
            case .fixed, .none: throw invalid(field(), "\(next) is the engine's own, \(mapping.region.label)")
            }
        }
    }

    func writeSet(_ regions: RegionMap) throws(SnapshotStoreError) -> WriteSet {
        WriteSet(try list(config.writeSet, "writeSet", limit: WriteSet.limit, isSigned: false, regions))
    }

    func hotPages(_ regions: RegionMap) throws(SnapshotStoreError) -> HotPages {
        HotPages(try list(config.hotPages, "hotPages", limit: HotPages.limit, isSigned: true, regions))
    }

    private func list(
        _ packed: PackedIntegers, _ name: String, limit: Int, isSigned: Bool, _ regions: RegionMap
    ) throws(SnapshotStoreError) -> [GuestVirtualAddress] {
        var reader = PackedIntegers.Reader(packed)
        var found: [GuestVirtualAddress] = []
        var end = GuestVirtualAddress(rawValue: 0)
        var index = 0
        while !reader.isAtEnd {
            let distance: Untrusted<Int>
            let count: Untrusted<Int>
            do throws(PackedIntegers.Reader.Malformed) {
                distance = isSigned ? try reader.nextSigned() : try reader.next()
                count = try reader.next()
            } catch {
                throw invalid("\(name)[\(index)]", "expected two numbers in ULEB128")
            }
            guard let pageCount = count.count(upTo: limit - found.count) else {
                throw invalid(name, "expected at most \(limit) pages")
            }
            let pages = try pages(behind: end, distance, count, "\(name)[\(index)]")
            try check(pages, regions, "\(name)[\(index)]")
            found += (0..<pageCount).map { pages.lowerBound + $0 * pageByteCount }
            end = pages.upperBound
            index += 1
        }
        return found
    }
}
