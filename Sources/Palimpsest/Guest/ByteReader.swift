/// Little-endian integers out of untrusted bytes, never beyond their end.
struct ByteReader {
    let bytes: [UInt8]

    /// - Throws: `GuestImageError.truncated`, naming `what`.
    func require(_ what: String, offset: UInt64, byteCount: UInt64) throws(GuestImageError) -> Range<Int> {
        let (end, overflow) = offset.addingReportingOverflow(byteCount)
        guard !overflow, end <= UInt64(bytes.count) else {
            throw .truncated(what: what, offset: offset, byteCount: byteCount, fileByteCount: bytes.count)
        }
        return Int(offset)..<Int(end)
    }

    /// The integer at `offset`, which must have been `require`d.
    func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
        bytes.withUnsafeBytes { buffer in
            precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= buffer.count)
            return Value(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: type))
        }
    }
}
