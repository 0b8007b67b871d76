import CPalimpsest
import MicroVM

/// Notes (`Elf64_Nhdr`, name, descriptor; each padded to 4 bytes).
enum ELFNotes {
    /// Notes are looked through as far as 64 KiB of a segment: one is looked for, and it is small.
    static let maximumByteCount = 64 << 10

    /// NT_GNU_BUILD_ID, and the longest one that is taken for one.
    private static let buildIDType: UInt32 = 3
    private static let maximumBuildIDByteCount = 64

    /// The ABI version of the first Palimpsest note; nil if there is none.
    static func abiVersion(_ headers: [ELFProgramHeader], _ reader: ByteReader) throws(GuestImageError)
        -> UInt32?
    {
        try descriptor(PAL_NOTE_OWNER, UInt32(PAL_NOTE_ABI_VERSION), headers, reader, byteCounts: 4...Int.max)
            .map { reader.integer(at: $0.lowerBound).uncheckedValue }
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
            let limit = min(range.upperBound, range.lowerBound + maximumByteCount)
            var cursor = ByteCursor(reader.bytes, range)
            while cursor.position < limit, let note = try? Note(&cursor) {
                if note.type == wantedType, byteCounts.contains(note.descriptor.count),
                    reader.bytes[note.name].elementsEqual(owner)
                {
                    return note.descriptor
                }
            }
        }
        return nil
    }

    private struct Note {
        let type: Untrusted<UInt32>
        let name: Range<Int>
        let descriptor: Range<Int>

        /// The next one; the cursor is behind it afterwards.
        init(_ cursor: inout ByteCursor) throws(ByteCursor.Malformed) {
            let nameByteCount = Untrusted<UInt64>(truncating: try cursor.integer(UInt32.self))
            let descriptorByteCount = Untrusted<UInt64>(truncating: try cursor.integer(UInt32.self))
            type = try cursor.integer()
            name = try cursor.skip(nameByteCount, paddedTo: 4)
            descriptor = try cursor.skip(descriptorByteCount, paddedTo: 4)
        }
    }
}
