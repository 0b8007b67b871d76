import MicroVM

/// The file header (`Elf64_Ehdr`), as far as loading needs it.
struct ELFHeader {
    private static let byteCount: UInt64 = 64
    private static let programHeaderByteCount: UInt16 = 56
    private static let sectionHeaderByteCount: UInt16 = 64
    private static let executable: UInt16 = 2
    private static let amd64: UInt16 = 62

    let entry: GuestVirtualAddress
    /// Which section has the names of all (`e_shstrndx`).
    let sectionNamesIndex: Untrusted<UInt16>
    private let programHeaderOffset: Untrusted<UInt64>
    private let programHeaderCount: Untrusted<UInt16>
    private let sectionHeaderOffset: Untrusted<UInt64>
    private let sectionHeaderCount: Untrusted<UInt16>

    init(_ reader: ByteReader) throws(GuestImageError) {
        guard reader.bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { throw .notELF }
        _ = try reader.require("the ELF header", offset: Untrusted(0), byteCount: Untrusted(ELFHeader.byteCount))
        guard reader.bytes[4] == 2 else { throw .wrongClass(reader.bytes[4]) }
        guard reader.bytes[5] == 1 else { throw .wrongByteOrder(reader.bytes[5]) }
        let type: Untrusted<UInt16> = reader.integer(at: 16)
        guard type == ELFHeader.executable else { throw .wrongType(type.uncheckedValue) }
        let machine: Untrusted<UInt16> = reader.integer(at: 18)
        guard machine == ELFHeader.amd64 else { throw .wrongMachine(machine.uncheckedValue) }

        entry = reader.address(at: 24)
        programHeaderOffset = reader.integer(at: 32)
        sectionHeaderOffset = reader.integer(at: 40)
        programHeaderCount = reader.integer(at: 56)
        sectionHeaderCount = reader.integer(at: 60)
        sectionNamesIndex = reader.integer(at: 62)
        let size: Untrusted<UInt16> = reader.integer(at: 54)
        guard programHeaderCount == 0 || size == ELFHeader.programHeaderByteCount else {
            throw .badHeaderSize(found: size.uncheckedValue, expected: ELFHeader.programHeaderByteCount)
        }
        guard programHeaderCount.count(upTo: ELFImage.maximumSegmentCount) != nil else {
            throw .tooManySegments(
                count: Int(programHeaderCount.uncheckedValue), limit: ELFImage.maximumSegmentCount)
        }
    }

    func programHeaders(_ reader: ByteReader) throws(GuestImageError) -> [ELFProgramHeader] {
        let table = try reader.require(
            "the program headers", offset: programHeaderOffset, count: programHeaderCount,
            stride: ELFHeader.programHeaderByteCount)
        return stride(from: table.lowerBound, to: table.upperBound, by: Int(ELFHeader.programHeaderByteCount)).map {
            ELFProgramHeader(reader, at: $0)
        }
    }

    func sectionHeaders(_ reader: ByteReader) throws(GuestImageError) -> [ELFSectionHeader] {
        let table = try reader.require(
            "the section headers", offset: sectionHeaderOffset, count: sectionHeaderCount,
            stride: ELFHeader.sectionHeaderByteCount)
        return stride(from: table.lowerBound, to: table.upperBound, by: Int(ELFHeader.sectionHeaderByteCount)).map {
            ELFSectionHeader(reader, at: $0)
        }
    }
}

/// A program header (`Elf64_Phdr`).
package struct ELFProgramHeader {
    package static let load: UInt32 = 1
    package static let note: UInt32 = 4

    package let type: Untrusted<UInt32>
    package let access: MemoryAccess
    let fileOffset: Untrusted<UInt64>
    package let address: GuestVirtualAddress
    package let fileByteCount: Untrusted<UInt64>
    package let memoryByteCount: Untrusted<UInt64>

    init(_ reader: ByteReader, at offset: Int) {
        type = reader.integer(at: offset)
        let flags: Untrusted<UInt32> = reader.integer(at: offset + 4)
        var access: MemoryAccess = []
        if flags & 4 != 0 { access.insert(.read) }
        if flags & 2 != 0 { access.insert(.write) }
        if flags & 1 != 0 { access.insert(.execute) }
        self.access = access
        fileOffset = reader.integer(at: offset + 8)
        address = reader.address(at: offset + 16)
        fileByteCount = reader.integer(at: offset + 32)
        memoryByteCount = reader.integer(at: offset + 40)
    }
}
