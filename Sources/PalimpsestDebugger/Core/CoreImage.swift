import GuestABI
import MicroVM

/// An ELF core of a guest (ELF gABI, "Program Header"; `ET_CORE`), as it is going to be written:
///
///     ELF header | program headers | notes | pages of region 0 | pages of region 1 | ...
///
/// Every region the guest may access is a segment with its permissions. What is zero is a hole in the file, and left
/// out at a segment's end.
struct CoreImage {
    struct Segment {
        let mapping: RegionMap.Mapping
        let filledPages: [Range<GuestVirtualAddress>]
        /// Where the region's first page is in the file.
        let offset: Int

        /// Up to the last page that is not zero.
        var fileByteCount: Int { filledPages.last.map { $0.upperBound - mapping.region.guest.lowerBound } ?? 0 }
    }

    let header: [UInt8]
    let segments: [Segment]

    /// Bytes of the file, with its holes.
    let fileByteCount: Int
    /// Without them.
    let contentByteCount: Int

    private static let headerByteCount = 64
    private static let programHeaderByteCount = 56

    init(_ memory: AddressSpace, _ notes: CoreNotes) {
        let mappings = memory.image.regions.mappings.filter { !$0.region.access.isEmpty }
        let tableEnd = CoreImage.headerByteCount + CoreImage.programHeaderByteCount * (mappings.count + 1)
        var offset = (tableEnd + notes.bytes.count).roundedUpToPages
        var end = tableEnd + notes.bytes.count
        var content = end
        segments = mappings.map { mapping in
            let segment = Segment(mapping: mapping, filledPages: memory.filledPages(of: mapping), offset: offset)
            if segment.fileByteCount > 0 { end = offset + segment.fileByteCount }
            content += segment.filledPages.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
            offset += segment.fileByteCount
            return segment
        }
        fileByteCount = end
        contentByteCount = content
        header = CoreImage.header(segments, notes, notesOffset: tableEnd)
    }

    private static func header(_ segments: [Segment], _ notes: CoreNotes, notesOffset: Int) -> [UInt8] {
        // 64 bits, little-endian, version 1, System V.
        var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
        bytes.append(UInt16(4))  // ET_CORE
        bytes.append(UInt16(62))  // EM_X86_64
        bytes.append(UInt32(1))
        bytes.append(UInt64(0))  // entry
        bytes.append(UInt64(headerByteCount))  // program headers
        bytes.append(UInt64(0))  // section headers: none
        bytes.append(UInt32(0))
        for word in [headerByteCount, programHeaderByteCount, segments.count + 1, 0, 0, 0] {
            bytes.append(UInt16(word))
        }
        append(
            &bytes, type: ELFProgramHeader.note, flags: 0, offset: notesOffset, address: 0,
            fileByteCount: notes.bytes.count, memoryByteCount: 0, alignment: 4)
        for segment in segments {
            let region = segment.mapping.region
            append(
                &bytes, type: ELFProgramHeader.load, flags: flags(region.access), offset: segment.offset,
                address: region.guest.lowerBound.rawValue, fileByteCount: segment.fileByteCount,
                memoryByteCount: region.byteCount, alignment: pageByteCount)
        }
        return bytes + notes.bytes
    }

    private static func append(
        _ bytes: inout [UInt8], type: UInt32, flags: UInt32, offset: Int, address: UInt64, fileByteCount: Int,
        memoryByteCount: Int, alignment: Int
    ) {
        bytes.append(type)
        bytes.append(flags)
        for word in [UInt64(offset), address, 0, UInt64(fileByteCount), UInt64(memoryByteCount), UInt64(alignment)] {
            bytes.append(word)
        }
    }

    private static func flags(_ access: MemoryAccess) -> UInt32 {
        (access.contains(.read) ? 4 : 0) | (access.contains(.write) ? 2 : 0) | (access.contains(.execute) ? 1 : 0)
    }
}
