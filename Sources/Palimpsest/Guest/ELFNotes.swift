import CPalimpsest

/// Notes (`Elf64_Nhdr`, name, descriptor; each padded to 4 bytes).
enum ELFNotes {
    /// Notes are looked through as far as 64 KiB of a segment: one is looked for, and it is small.
    static let maximumByteCount = 64 << 10

    /// NT_GNU_BUILD_ID, and the longest one that is taken for one.
    private static let buildIDType: UInt32 = 3
    private static let maximumBuildIDByteCount = 64

    /// The ABI version of the first Palimpsest note; nil if there is none.
    static func abiVersion(_ headers: [ELFProgramHeader], _ reader: ByteReader) throws(GuestImageError) -> UInt32? {
        try descriptor(PAL_NOTE_OWNER, UInt32(PAL_NOTE_ABI_VERSION), headers, reader, byteCounts: 4...Int.max)
            .map { reader.integer($0.lowerBound) }
    }

    /// What the linker has made of the file's content, to know it again by; nil if it has not.
    static func buildID(_ headers: [ELFProgramHeader], _ reader: ByteReader) throws(GuestImageError) -> [UInt8]? {
        try descriptor("GNU", buildIDType, headers, reader, byteCounts: 1...maximumBuildIDByteCount)
            .map { Array(reader.bytes[$0]) }
    }

    /// Of the first note of that owner and type whose length is one of `byteCounts`.
    private static func descriptor(
        _ ownerName: String, _ wantedType: UInt32, _ headers: [ELFProgramHeader], _ reader: ByteReader,
        byteCounts: ClosedRange<Int>
    ) throws(GuestImageError) -> Range<Int>? {
        let owner = Array(ownerName.utf8) + [0]
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
                if type == wantedType, byteCounts.contains(descriptorCount),
                    reader.bytes[name..<name + nameCount].elementsEqual(owner)
                {
                    return descriptor..<descriptor + descriptorCount
                }
                offset = end
            }
        }
        return nil
    }
}
