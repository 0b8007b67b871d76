import CPalimpsest

/// The engine's own code and tables: three sealed pages that every sandbox of the process shares, in a read-only
/// slot. No page-table mistake and no guest can change them.
enum TrustedLayer {
    private static let built = Result { () throws(MachineError) in try build() }

    /// - Throws: `MachineError` if the process could not make the segment.
    static func shared() throws(MachineError) -> SharedMemorySegment {
        switch built {
        case .success(let segment): return segment
        case .failure: return try build()
        }
    }

    static let tables = DescriptorTables(
        address: GuestLayout.descriptorTables.rawValue, stubs: GuestLayout.stubs.rawValue,
        exceptionStackTop: GuestLayout.exceptionStackTop.rawValue)

    private static func build() throws(MachineError) -> SharedMemorySegment {
        try SharedMemorySegment.snapshot(byteCount: GuestLayout.trustedPageCount * pageByteCount) { memory in
            guard let base = memory.baseAddress else { return }
            (base + GuestLayout.trustedEntryPage * pageByteCount)
                .copyMemory(from: pal_entry_code_start(), byteCount: pal_entry_code_size())
            (base + GuestLayout.trustedStubsPage * pageByteCount)
                .copyMemory(from: pal_exception_stubs_start(), byteCount: pal_exception_stubs_size())
            tables.write(to: base + GuestLayout.trustedTablesPage * pageByteCount)
        }
    }
}
