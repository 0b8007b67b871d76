import CPalimpsest

/// The engine's own code and tables: three sealed pages that every sandbox of the process shares, in a read-only
/// slot. No page-table mistake and no guest can change them.
package enum TrustedLayer {
    private static let built = Result { () throws(MachineError) in try build() }

    /// - Throws: `MachineError` if the process could not make the segment.
    package static func shared() throws(MachineError) -> SharedMemorySegment {
        switch built {
        case .success(let segment): return segment
        case .failure: return try build()
        }
    }

    static let tables = DescriptorTables(
        address: GuestLayout.descriptorTables.rawValue, stubs: GuestLayout.stubs.rawValue,
        exceptionStackTop: GuestLayout.exceptionStackTop.rawValue)

    private static func build() throws(MachineError) -> SharedMemorySegment {
        try SharedMemorySegment.snapshot(byteCount: GuestLayout.trustedPageCount * pageByteCount) {
            writer throws(MachineError) in
            try writer.write(
                UnsafeRawBufferPointer(start: pal_entry_code_start(), count: pal_entry_code_size()),
                at: GuestLayout.trustedEntryPage * pageByteCount)
            try writer.write(
                UnsafeRawBufferPointer(start: pal_exception_stubs_start(), count: pal_exception_stubs_size()),
                at: GuestLayout.trustedStubsPage * pageByteCount)
            let page = UnsafeMutableRawBufferPointer.allocate(byteCount: pageByteCount, alignment: pageByteCount)
            defer { page.deallocate() }
            page.initializeMemory(as: UInt8.self, repeating: 0)
            tables.write(to: page.baseAddress.unsafelyUnwrapped)
            try writer.write(UnsafeRawBufferPointer(page), at: GuestLayout.trustedTablesPage * pageByteCount)
        }
    }
}
