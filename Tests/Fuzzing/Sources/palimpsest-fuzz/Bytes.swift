/// Little-endian integers in bytes of which nothing is known.
extension [UInt8] {
    /// Nil beyond the end.
    func integer(_ offset: Int, _ byteCount: Int) -> UInt64? {
        guard offset >= 0, byteCount <= count, offset <= count - byteCount else { return nil }
        return self[offset..<offset + byteCount].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// As far as there are bytes.
    mutating func set(_ offset: Int, _ byteCount: Int, to value: UInt64) {
        for index in 0..<byteCount where indices.contains(offset + index) {
            self[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8))
        }
    }

    mutating func append(_ value: UInt64, _ byteCount: Int) {
        for index in 0..<byteCount { append(UInt8(truncatingIfNeeded: value >> UInt64(index * 8))) }
    }
}

extension ArraySlice<UInt8> {
    /// FNV-1a.
    var hash: UInt64 { reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 } }
}

/// Numbers at which arithmetic and limits change their minds.
enum Boundary {
    static let values: [UInt64] = [
        0, 1, 1 << 7, 1 << 8, 1 << 12, 1 << 15, 1 << 16, 1 << 20, 1 << 31, 1 << 32, 1 << 47, 1 << 62, 1 << 63,
    ]

    /// One of them, a near neighbour of it, or its negative.
    static func value(_ random: inout SplitMix) -> UInt64 {
        let value = values[Int.random(in: values.indices, using: &random)]
        let near = value &+ UInt64(bitPattern: Int64([-2, -1, 0, 0, 1, 2][Int.random(in: 0..<6, using: &random)]))
        return Int.random(in: 0..<6, using: &random) == 0 ? 0 &- near : near
    }
}
