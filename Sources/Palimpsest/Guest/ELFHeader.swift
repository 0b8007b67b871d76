/// The file header (`Elf64_Ehdr`), as far as loading needs it.
struct ELFHeader {
    private static let byteCount: UInt64 = 64
    private static let programHeaderByteCount: UInt16 = 56
    private static let executable: UInt16 = 2
    private static let amd64: UInt16 = 62

    let entry: UInt64
    private let programHeaderOffset: UInt64
    private let programHeaderCount: Int
    let sectionHeaderOffset: UInt64
    let sectionHeaderCount: Int
    /// Which section has the names of all (`e_shstrndx`).
    let sectionNamesIndex: Int

    init(_ reader: ByteReader) throws(GuestImageError) {
        guard reader.bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { throw .notELF }
        _ = try reader.require("the ELF header", offset: 0, byteCount: ELFHeader.byteCount)
        guard reader.bytes[4] == 2 else { throw .wrongClass(reader.bytes[4]) }
        guard reader.bytes[5] == 1 else { throw .wrongByteOrder(reader.bytes[5]) }
        let type = reader.integer(16, as: UInt16.self)
        guard type == ELFHeader.executable else { throw .wrongType(type) }
        let machine = reader.integer(18, as: UInt16.self)
        guard machine == ELFHeader.amd64 else { throw .wrongMachine(machine) }
        entry = reader.integer(24)
        programHeaderOffset = reader.integer(32)
        sectionHeaderOffset = reader.integer(40)
        sectionHeaderCount = Int(reader.integer(60, as: UInt16.self))
        sectionNamesIndex = Int(reader.integer(62, as: UInt16.self))
        programHeaderCount = Int(reader.integer(56, as: UInt16.self))
        let size = reader.integer(54, as: UInt16.self)
        guard programHeaderCount == 0 || size == ELFHeader.programHeaderByteCount else {
            throw .badHeaderSize(found: size, expected: ELFHeader.programHeaderByteCount)
        }
        guard programHeaderCount <= ELFImage.maximumSegmentCount else {
            throw .tooManySegments(count: programHeaderCount, limit: ELFImage.maximumSegmentCount)
        }
    }

    func programHeaders(_ reader: ByteReader) throws(GuestImageError) -> [ELFProgramHeader] {
        let size = UInt64(ELFHeader.programHeaderByteCount)
        let table = try reader.require(
            "the program headers", offset: programHeaderOffset, byteCount: UInt64(programHeaderCount) * size)
        return stride(from: table.lowerBound, to: table.upperBound, by: Int(size)).map {
            ELFProgramHeader(reader, at: $0)
        }
    }
}

/// A program header (`Elf64_Phdr`).
struct ELFProgramHeader {
    static let load: UInt32 = 1
    static let note: UInt32 = 4

    let type: UInt32
    let access: MemoryAccess
    let fileOffset: UInt64
    let address: UInt64
    let fileByteCount: UInt64
    let memoryByteCount: UInt64

    init(_ reader: ByteReader, at offset: Int) {
        type = reader.integer(offset)
        let flags = reader.integer(offset + 4, as: UInt32.self)
        var access: MemoryAccess = []
        if flags & 4 != 0 { access.insert(.read) }
        if flags & 2 != 0 { access.insert(.write) }
        if flags & 1 != 0 { access.insert(.execute) }
        self.access = access
        fileOffset = reader.integer(offset + 8)
        address = reader.integer(offset + 16)
        fileByteCount = reader.integer(offset + 32)
        memoryByteCount = reader.integer(offset + 40)
    }
}
