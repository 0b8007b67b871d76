import MicroVM

/// A place in untrusted bytes that moves on as they are read, and never beyond `end`.
struct ByteCursor {
    /// The bytes end before what was to be read, or a number in them has more than 64 bits.
    struct Malformed: Error {}

    let bytes: [UInt8]
    private(set) var position: Int
    let end: Int

    /// - Parameter range: of `bytes`; what of it lies beyond them is left out.
    init(_ bytes: [UInt8], _ range: Range<Int>) {
        let range = range.clamped(to: 0..<bytes.count)
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    var remainingByteCount: Int { end - position }

    /// The next `byteCount` bytes as a range of `bytes`; the cursor is behind them afterwards.
    /// - Parameter alignment: of which their number is rounded up to a multiple: the cursor is behind that, too.
    @discardableResult
    mutating func skip(
        _ byteCount: Untrusted<UInt64>, paddedTo alignment: Int = 1
    ) throws(Malformed) -> Range<Int> {
        guard let count = byteCount.count(upTo: remainingByteCount) else { throw Malformed() }
        let paddedCount = (count + alignment - 1) / alignment * alignment
        guard paddedCount <= remainingByteCount else { throw Malformed() }
        defer { position += paddedCount }
        return position..<position + count
    }

    mutating func integer<Value>(_ type: Value.Type = Value.self) throws(Malformed) -> Untrusted<Value> {
        let range = try skip(Untrusted(UInt64(MemoryLayout<Value>.size)))
        return bytes.withUnsafeBytes {
            Untrusted(Value(littleEndian: $0.loadUnaligned(fromByteOffset: range.lowerBound, as: Value.self)))
        }
    }

    mutating func byte() throws(Malformed) -> Untrusted<UInt8> { Untrusted(try next()) }

    private mutating func next() throws(Malformed) -> UInt8 {
        guard position < end else { throw Malformed() }
        defer { position += 1 }
        return bytes[position]
    }

    /// ULEB128 (DWARF 5, 7.6), at most 64 bits of it.
    mutating func unsigned() throws(Malformed) -> Untrusted<UInt64> {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            let byte = try next()
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return Untrusted(value) }
        }
        throw Malformed()
    }

    /// SLEB128 (DWARF 5, 7.6), at most 64 bits of it.
    mutating func signed() throws(Malformed) -> Untrusted<Int64> {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            let byte = try next()
            value |= UInt64(byte & 0x7f) << shift
            guard byte & 0x80 == 0 else { continue }
            if byte & 0x40 != 0, shift < 57 { value |= UInt64.max << (shift + 7) }
            return Untrusted(Int64(bitPattern: value))
        }
        throw Malformed()
    }

    /// Skips a string and the zero behind it, and says where it starts.
    mutating func string() throws(Malformed) -> Int {
        let start = position
        while try next() != 0 {}
        return start
    }
}
