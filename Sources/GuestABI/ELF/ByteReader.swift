import MicroVM

/// Little-endian integers out of untrusted bytes, never beyond their end.
package struct ByteReader {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// - Throws: `GuestImageError.truncated`, naming `what`.
    func require(
        _ what: String, offset: Untrusted<UInt64>, byteCount: Untrusted<UInt64>
    ) throws(GuestImageError) -> Range<Int> {
        guard let range = offset.range(count: byteCount, upTo: bytes.count) else {
            throw .truncated(
                what: what, offset: offset.uncheckedValue, byteCount: byteCount.uncheckedValue,
                fileByteCount: bytes.count)
        }
        return range
    }

    /// The same for a table of `count` entries of `stride` bytes each.
    func require(
        _ what: String, offset: Untrusted<UInt64>, count: Untrusted<UInt16>, stride: UInt16
    ) throws(GuestImageError) -> Range<Int> {
        // 16 bits times 16 bits.
        let byteCount = Untrusted<UInt64>(truncating: count) &* Untrusted(UInt64(stride))
        return try require(what, offset: offset, byteCount: byteCount)
    }

    /// The integer at `offset`, a place that has been `require`d. Where there are no bytes it is 0: what the bytes say
    /// is anybody's all the same.
    package func integer<Value>(at offset: Int, as type: Value.Type = Value.self) -> Untrusted<Value> {
        bytes.withUnsafeBytes { buffer in
            guard offset >= 0, offset <= buffer.count - MemoryLayout<Value>.size else { return Untrusted(0) }
            return Untrusted(Value(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: type)))
        }
    }

    /// The address at `offset`.
    package func address(at offset: Int) -> GuestVirtualAddress {
        GuestVirtualAddress(rawValue: integer(at: offset, as: UInt64.self).uncheckedValue)
    }
}
