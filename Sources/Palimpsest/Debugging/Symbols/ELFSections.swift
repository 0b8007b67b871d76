/// Sections of an ELF file by name (ELF gABI, "Sections"): for symbols and debug information, which no guest needs to
/// run. Whatever is malformed is not there.
struct ELFSections {
    private static let noBits: UInt32 = 8  // SHT_NOBITS
    private static let compressed: UInt64 = 1 << 11  // SHF_COMPRESSED
    private static let headerByteCount = 64

    private let reader: ByteReader
    private let headers: Range<Int>
    private let names: Range<Int>

    init?(_ bytes: [UInt8]) {
        reader = ByteReader(bytes: bytes)
        guard let header = try? ELFHeader(reader),
            let headers = try? reader.require(
                "the section headers", offset: header.sectionHeaderOffset,
                byteCount: UInt64(header.sectionHeaderCount * ELFSections.headerByteCount)),
            header.sectionNamesIndex < header.sectionHeaderCount
        else { return nil }
        self.headers = headers
        let namesHeader = headers.lowerBound + header.sectionNamesIndex * ELFSections.headerByteCount
        guard let names = ELFSections.content(namesHeader, reader) else { return nil }
        self.names = names
    }

    /// Where the bytes of the first section of that name are; nil if there is none, or it is compressed.
    subscript(_ name: String) -> Range<Int>? {
        let wanted = Array(name.utf8) + [0]
        for header in stride(from: headers.lowerBound, to: headers.upperBound, by: ELFSections.headerByteCount) {
            let offset = Int(reader.integer(header, as: UInt32.self))
            guard offset < names.count, reader.bytes[names].dropFirst(offset).starts(with: wanted) else { continue }
            return ELFSections.content(header, reader)
        }
        return nil
    }

    private static func content(_ header: Int, _ reader: ByteReader) -> Range<Int>? {
        guard reader.integer(header + 4, as: UInt32.self) != noBits,
            reader.integer(header + 8, as: UInt64.self) & compressed == 0
        else { return nil }
        return try? reader.require(
            "a section", offset: reader.integer(header + 24), byteCount: reader.integer(header + 32))
    }
}
