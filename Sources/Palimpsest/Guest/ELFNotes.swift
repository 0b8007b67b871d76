import CPalimpsest

/// Notes (`Elf64_Nhdr`, name, descriptor; each padded to 4 bytes).
enum ELFNotes {
    /// Notes are looked through as far as 64 KiB of a segment: one is looked for, and it is small.
    static let maximumByteCount = 64 << 10

    /// The ABI version of the first Palimpsest note; nil if there is none.
    static func abiVersion(_ headers: [ELFProgramHeader], _ reader: ByteReader) throws(GuestImageError) -> UInt32? {
        let owner = Array(PAL_NOTE_OWNER.utf8) + [0]
        for header in headers where header.type == ELFProgramHeader.note {
            let range = try reader.require("a note segment", offset: header.fileOffset, byteCount: header.fileByteCount)
            var offset = range.lowerBound
            let limit = min(range.upperBound, range.lowerBound + maximumByteCount)
            while limit - offset >= 12 {
                let nameCount = Int(reader.integer(offset, as: UInt32.self))
                let descriptorCount = Int(reader.integer(offset + 4, as: UInt32.self))
                let type = reader.integer(offset + 8, as: UInt32.self)
                let name = offset + 12
                let descriptor = name + (nameCount + 3) & ~3
                let end = descriptor + (descriptorCount + 3) & ~3
                guard end <= range.upperBound else { break }
                if type == UInt32(PAL_NOTE_ABI_VERSION), descriptorCount >= 4,
                    reader.bytes[name..<name + nameCount].elementsEqual(owner)
                {
                    return reader.integer(descriptor)
                }
                offset = end
            }
        }
        return nil
    }
}
