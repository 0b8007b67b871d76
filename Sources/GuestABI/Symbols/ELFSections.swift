import MicroVM

/// Sections of an ELF file (ELF gABI, "Sections"): for symbols and debug information, which no guest needs to run.
/// Whatever is malformed is not there.
package struct ELFSections {
    private let reader: ByteReader
    private let headers: [ELFSectionHeader]
    /// The section with the names of all.
    private let names: Range<Int>?

    package init?(_ bytes: [UInt8]) {
        let reader = ByteReader(bytes: bytes)
        guard let header = try? ELFHeader(reader), let headers = try? header.sectionHeaders(reader) else { return nil }
        self.reader = reader
        self.headers = headers
        names = header.sectionNamesIndex.index(below: headers.count).flatMap {
            ELFSections.content(headers[$0], reader)
        }
    }

    /// Where the bytes of the first section of that name are; nil if there is none, or it is compressed.
    package subscript(_ name: String) -> Range<Int>? {
        guard let names else { return nil }
        let wanted = Array(name.utf8) + [0]
        let header = headers.first { header in
            guard let offset = header.name.index(below: names.count) else { return false }
            return reader.bytes[names].dropFirst(offset).starts(with: wanted)
        }
        return header.flatMap { ELFSections.content($0, reader) }
    }

    /// Where the symbols of the first symbol table are, and their names.
    package var symbolTable: (symbols: Range<Int>, names: Range<Int>)? {
        for header in headers where header.type == ELFSectionHeader.symbolTable {
            guard let link = header.link.index(below: headers.count) else { continue }
            guard let symbols = ELFSections.range(header, reader), let names = ELFSections.range(headers[link], reader)
            else { return nil }
            return (symbols, names)
        }
        return nil
    }

    /// Bytes from an address to the end of the section that it is said to be in; nil if it is not, or if that is no
    /// part of the guest's memory.
    package func room(at address: GuestVirtualAddress, inSection index: Untrusted<UInt16>) -> Untrusted<UInt64>? {
        guard let header = index.index(below: headers.count).map({ headers[$0] }),
            header.flags & ELFSectionHeader.allocated != 0
        else { return nil }
        let offset = address.distance(above: header.address)
        return offset < header.fileByteCount ? header.fileByteCount &- offset : nil
    }

    private static func content(_ header: ELFSectionHeader, _ reader: ByteReader) -> Range<Int>? {
        guard header.type != ELFSectionHeader.noBits, header.flags & ELFSectionHeader.compressed == 0 else {
            return nil
        }
        return range(header, reader)
    }

    private static func range(_ header: ELFSectionHeader, _ reader: ByteReader) -> Range<Int>? {
        header.fileOffset.range(count: header.fileByteCount, upTo: reader.bytes.count)
    }
}
