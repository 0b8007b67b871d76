import CPalimpsest
import MicroVM

/// A guest's ELF file, checked: a static x86-64 executable whose segments fit the layout.
///
/// Format: System V ABI, "Object Files" and "Program Loading"; AMD64 supplement. Everything read from the file
/// is hostile until this type exists.
package struct ELFImage: Sendable {
    /// Checked: it lies where images lie, and its bytes in the file.
    package struct Segment: Equatable, Sendable {
        package let address: GuestVirtualAddress
        /// Its bytes in the file.
        package let fileRange: Range<Int>
        package let memoryByteCount: Int
        package let access: MemoryAccess

        package init(address: GuestVirtualAddress, fileRange: Range<Int>, memoryByteCount: Int, access: MemoryAccess) {
            self.address = address
            self.fileRange = fileRange
            self.memoryByteCount = memoryByteCount
            self.access = access
        }

        package var addresses: Range<GuestVirtualAddress> { address..<address + memoryByteCount }

        /// The pages it touches.
        package var pages: Range<GuestVirtualAddress> {
            address.page..<(address + (memoryByteCount + pageByteCount - 1)).page
        }

        /// The pages with bytes from the file; the rest is zero-filled.
        var filePages: Range<GuestVirtualAddress> {
            let end = fileRange.isEmpty ? address : address + (fileRange.count + pageByteCount - 1)
            return address.page..<end.page
        }
    }

    package static let maximumByteCount = 512 << 20
    static let maximumSegmentCount = 64
    /// Each segment is loaded for itself, whatever it shares with others: of a small file, code, read-only data and
    /// data may each be the whole; but no file becomes many times its size.
    static let maximumLoadCount = 4

    package let bytes: [UInt8]
    package let entry: GuestVirtualAddress
    package let abiVersion: UInt32
    package let buildID: [UInt8]?
    /// In address order; no two share a page.
    package let segments: [Segment]

    package init(_ bytes: [UInt8]) throws(GuestImageError) {
        guard bytes.count <= ELFImage.maximumByteCount else {
            throw .tooLarge(byteCount: bytes.count, limit: ELFImage.maximumByteCount)
        }
        let reader = ByteReader(bytes: bytes)
        let header = try ELFHeader(reader)
        let headers = try header.programHeaders(reader)
        let segments = try ELFImage.segments(headers, reader)
        guard segments.contains(where: { $0.access.contains(.execute) && $0.addresses.contains(header.entry) })
        else {
            throw .entryOutsideCode(header.entry.rawValue)
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
            // Linkers write headers of nothing. One of nothing in memory but something in the file is none of those.
            guard header.memoryByteCount > 0 || header.fileByteCount > 0 else { continue }
            found.append((index, try checked(header, index, reader)))
        }
        guard !found.isEmpty else { throw .noSegments }
        let loadedByteCount = found.reduce(0) { $0 + $1.segment.fileRange.count }
        guard loadedByteCount <= maximumLoadCount * reader.bytes.count else {
            throw .sharedFileBytes(
                loadedByteCount: loadedByteCount, fileByteCount: reader.bytes.count, limit: maximumLoadCount)
        }
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
                index: index, fileByteCount: header.fileByteCount.uncheckedValue,
                memoryByteCount: header.memoryByteCount.uncheckedValue)
        }
        let image = GuestLayout.imageStart..<GuestLayout.imageEnd
        guard image.contains(header.address),
            let memoryByteCount = header.memoryByteCount.count(upTo: image.upperBound - header.address)
        else {
            throw .segmentOutOfRange(
                index: index, address: header.address.rawValue, byteCount: header.memoryByteCount.uncheckedValue)
        }
        guard header.address.offsetInPage == Int(header.fileOffset & 4095) || header.fileByteCount == 0 else {
            throw .unalignedSegment(
                index: index, address: header.address.rawValue, fileOffset: header.fileOffset.uncheckedValue)
        }
        let fileRange = try reader.require(
            "segment \(index)", offset: header.fileOffset, byteCount: header.fileByteCount)
        guard header.access.contains(.read) else { throw .unreadableSegment(index: index) }
        guard !header.access.isSuperset(of: [.write, .execute]) else { throw .writableCode(index: index) }
        return Segment(
            address: header.address, fileRange: fileRange, memoryByteCount: memoryByteCount, access: header.access)
    }
}
