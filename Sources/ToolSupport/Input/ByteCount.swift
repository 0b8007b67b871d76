import ArgumentParser

/// A size as written on the command line: bytes, or a number with `KiB`, `MiB` or `GiB`.
package enum ByteCount {
    private static let units: [(unit: String, shift: Int)] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("", 0)]

    package static func parse(_ text: String) throws -> Int {
        for (unit, shift) in units where text.hasSuffix(unit) {
            guard let number = Int(text.dropLast(unit.count)), number >= 0, number <= Int.max >> shift else { break }
            return number << shift
        }
        throw ValidationError("expected a size in bytes, or with KiB, MiB or GiB, such as 64MiB.")
    }
}
