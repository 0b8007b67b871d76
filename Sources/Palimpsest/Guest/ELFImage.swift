import CPalimpsest

/// A guest's ELF file, checked: a static x86-64 executable whose segments fit the layout.
///
/// Format: System V ABI, "Object Files" and "Program Loading"; AMD64 supplement. Everything read from the file
/// is hostile until this type exists.
struct ELFImage: Sendable {
    struct Segment: Equatable, Sendable {
        let address: UInt64
        let fileOffset: UInt64
        let fileByteCount: UInt64
        let memoryByteCount: UInt64
        let access: MemoryAccess

        /// The pages it touches.
        var pages: Range<GuestVirtualAddress> {
            let start = GuestVirtualAddress(rawValue: address).page
            return start..<GuestVirtualAddress(rawValue: address + memoryByteCount + 4095).page
        }

        /// The pages with bytes from the file; the rest is zero-filled.
        var filePages: Range<GuestVirtualAddress> {
            let start = GuestVirtualAddress(rawValue: address).page
            return
                start..<(fileByteCount == 0
                ? start : GuestVirtualAddress(rawValue: address + fileByteCount + 4095).page)
        }
    }

    static let maximumByteCount = 512 << 20
    static let maximumSegmentCount = 64

    let bytes: [UInt8]
    let entry: UInt64
    let abiVersion: UInt32
    let buildID: [UInt8]?
    /// In address order; no two share a page.
    let segments: [Segment]

    init(_ bytes: [UInt8]) throws(GuestImageError) {
        guard bytes.count <= ELFImage.maximumByteCount else {
            throw .tooLarge(byteCount: bytes.count, limit: ELFImage.maximumByteCount)
        }
        let reader = ByteReader(bytes: bytes)
        let header = try ELFHeader(reader)
        let headers = try header.programHeaders(reader)
        let segments = try ELFImage.segments(headers, reader)
        guard segments.contains(where: { $0.access.contains(.execute) && $0.contains(header.entry) }) else {
            throw .entryOutsideCode(header.entry)
        }
        guard let version = try ELFNotes.abiVersion(headers, reader) else { throw .noABINote }
        buildID = try ELFNotes.buildID(headers, reader)
        self.bytes = bytes
        self.segments = segments
        entry = header.entry
        abiVersion = version
    }

    /// Lends bytes of the file. The range lies in it.
    func withBytes<E: Error>(
        _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        let result = bytes.withUnsafeBytes { whole -> Result<Void, E> in
            do throws(E) {
                return .success(try body(UnsafeRawBufferPointer(rebasing: whole[range])))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private static func segments(
        _ headers: [ELFProgramHeader], _ reader: ByteReader
    ) throws(GuestImageError) -> [Segment] {
        var found: [(index: Int, segment: Segment)] = []
        for (index, header) in headers.enumerated() where header.type == ELFProgramHeader.load {
            guard header.memoryByteCount > 0 else { continue }
            found.append((index, try checked(header, index, reader)))
        }
        guard !found.isEmpty else { throw .noSegments }
        found.sort { $0.segment.address < $1.segment.address }
        for (one, next) in zip(found, found.dropFirst())
        where one.segment.pages.upperBound > next.segment.pages.lowerBound {
            throw .overlappingSegments(first: one.index, second: next.index)
        }
        return found.map(\.segment)
    }

    private static func checked(
        _ header: ELFProgramHeader, _ index: Int, _ reader: ByteReader
    ) throws(GuestImageError) -> Segment {
        guard header.fileByteCount <= header.memoryByteCount else {
            throw .segmentSizes(
                index: index, fileByteCount: header.fileByteCount, memoryByteCount: header.memoryByteCount)
        }
        let (end, overflow) = header.address.addingReportingOverflow(header.memoryByteCount)
        guard !overflow, header.address >= GuestLayout.imageStart.rawValue, end <= GuestLayout.imageEnd.rawValue else {
            throw .segmentOutOfRange(index: index, address: header.address, byteCount: header.memoryByteCount)
        }
        guard header.address % 4096 == header.fileOffset % 4096 || header.fileByteCount == 0 else {
            throw .unalignedSegment(index: index, address: header.address, fileOffset: header.fileOffset)
        }
        _ = try reader.require("segment \(index)", offset: header.fileOffset, byteCount: header.fileByteCount)
        guard header.access.contains(.read) else { throw .unreadableSegment(index: index) }
        guard !header.access.isSuperset(of: [.write, .execute]) else { throw .writableCode(index: index) }
        return Segment(
            address: header.address, fileOffset: header.fileOffset, fileByteCount: header.fileByteCount,
            memoryByteCount: header.memoryByteCount, access: header.access)
    }
}

extension ELFImage.Segment {
    func contains(_ address: UInt64) -> Bool { self.address <= address && address - self.address < memoryByteCount }
}
