import Glibc
import MicroVM

/// A guest's exports by name: found by the name's bytes (`ByteName`), with a binary search that hashes and allocates
/// nothing, because calls by name come at high rates.
///
///     ends       | 0 | 3 | 6 | 14 |
///     bytes      | a d d s u b s a y H e l l o |       shorter names first, those of one length by their bytes
///     exports    | add | sub | sayHello |
struct ExportTable: Sendable {
    private let exports: [GuestExport]
    private let bytes: [UInt8]
    private let ends: [Int]

    /// Of several with one name the first counts.
    init(_ exports: [GuestExport]) {
        let names = exports.map { Array($0.name.utf8) }
        let order = exports.indices.sorted { one, other in
            let (name, otherName) = (names[one], names[other])
            if name == otherName { return one < other }
            return name.count == otherName.count
                ? name.lexicographicallyPrecedes(otherName) : name.count < otherName.count
        }
        var found: [Int] = []
        for index in order where found.last.map({ names[$0] != names[index] }) ?? true { found.append(index) }
        self.exports = found.map { exports[$0] }
        bytes = found.flatMap { names[$0] }
        ends = found.reduce(into: [0]) { ends, index in ends.append(ends[ends.count - 1] + names[index].count) }
    }

    subscript(name: String) -> GuestExport? {
        let index = name.utf8.withContiguousStorageIfAvailable { find($0) } ?? nil
        return index.map { exports[$0] }
    }

    private func find(_ name: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let wanted = name.baseAddress else { return nil }
        return bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return nil }
            var candidates = exports.indices
            while !candidates.isEmpty {
                let middle = candidates.lowerBound + candidates.count / 2
                var order = ends[middle + 1] - ends[middle] - name.count
                if order == 0 { order = Int(memcmp(base + ends[middle], wanted, name.count)) }
                if order == 0 { return middle }
                candidates = order < 0 ? middle + 1..<candidates.upperBound : candidates.lowerBound..<middle
            }
            return nil
        }
    }
}
