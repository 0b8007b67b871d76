import MicroVM

/// A section header (`Elf64_Shdr`).
struct ELFSectionHeader {
    /// SHT_SYMTAB, SHT_NOBITS.
    static let symbolTable: UInt32 = 2
    static let noBits: UInt32 = 8
    /// SHF_ALLOC: it is in the guest's memory. SHF_COMPRESSED.
    static let allocated: UInt64 = 1 << 1
    static let compressed: UInt64 = 1 << 11

    /// Where its name is in the section that has those of all.
    let name: Untrusted<UInt32>
    let type: Untrusted<UInt32>
    let flags: Untrusted<UInt64>
    let address: GuestVirtualAddress
    let fileOffset: Untrusted<UInt64>
    /// In the file; of one that has nothing there, in memory.
    let fileByteCount: Untrusted<UInt64>
    /// Of a symbol table, the section that has the symbols' names.
    let link: Untrusted<UInt32>

    init(_ reader: ByteReader, at offset: Int) {
        name = reader.integer(at: offset)
        type = reader.integer(at: offset + 4)
        flags = reader.integer(at: offset + 8)
        address = reader.address(at: offset + 16)
        fileOffset = reader.integer(at: offset + 24)
        fileByteCount = reader.integer(at: offset + 32)
        link = reader.integer(at: offset + 40)
    }
}
