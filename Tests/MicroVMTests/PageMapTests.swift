import Palimpsest
import TestSupport
import Testing

@testable import MicroVM

@Suite("Page maps")
struct PageMapTests {
    private static let pageCount = 60

    private func page(_ index: Int) -> GuestVirtualAddress {
        GuestVirtualAddress(rawValue: UInt64(index * pageByteCount))
    }

    /// Which byte of which layer a page holds, as a value that can be compared.
    private func name(_ content: PageMap.Content, _ layers: [MemoryLayer]) -> String {
        switch content {
        case .zero: "zero"
        case .layer(let layer, let offset): "\(layers.firstIndex { $0 === layer } ?? -1):\(offset)"
        }
    }

    private func randomMap(_ layers: [MemoryLayer], _ random: inout SplitMix) -> PageMap {
        var runs: [PageMap.Run] = []
        var next = 0
        while next < PageMapTests.pageCount {
            let count = min(Int(random.next() % 7) + 1, PageMapTests.pageCount - next)
            if random.next() % 3 != 0 {
                // Offsets follow from addresses as a rule, so that maps agree in places.
                let offset = (random.next() % 4 == 0 ? Int(random.next() % 8) : next) * pageByteCount
                runs.append(
                    .init(
                        pages: page(next)..<page(next + count), layer: layers[Int(random.next() % 2)], offset: offset))
            }
            next += count
        }
        return PageMap(runs)
    }

    @Test("maps answer, differ and change as if every page were looked at by itself")
    func model() throws {
        let segment = try SharedMemorySegment.scratch(byteCount: 200 * pageByteCount)
        let layers = [0, 1].map { MemoryLayer(segment, at: GuestLayout.layersPhysical + $0 << 30) }
        var random = SplitMix(state: 4)
        for _ in 0..<300 {
            let (one, other) = (randomMap(layers, &random), randomMap(layers, &random))
            let names = (0..<PageMapTests.pageCount).map { name(one.content(of: page($0)), layers) }
            let differing = Set(
                one.differences(from: other).flatMap { range in
                    stride(from: range.lowerBound.rawValue, to: range.upperBound.rawValue, by: pageByteCount)
                })
            let replaced = one.replacing(
                [page(10)..<page(20), page(33)..<page(34)], with: other.runs(in: page(10)..<page(20)))
            for index in 0..<PageMapTests.pageCount {
                let otherName = name(other.content(of: page(index)), layers)
                #expect(differing.contains(page(index).rawValue) == (names[index] != otherName), "page \(index)")
                let expected = (10..<20).contains(index) ? otherName : index == 33 ? "zero" : names[index]
                #expect(name(replaced.content(of: page(index)), layers) == expected, "page \(index)")
            }
            #expect(one.differences(from: one).isEmpty)
        }
    }
}
