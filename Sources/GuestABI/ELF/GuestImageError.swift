import MicroVM

/// What is wrong with a guest file. One case a defect; the description says what was expected and found.
public enum GuestImageError: Error, Sendable, Equatable, CustomStringConvertible {
    case notELF
    case wrongClass(UInt8)
    case wrongByteOrder(UInt8)
    case wrongMachine(UInt16)
    case wrongType(UInt16)
    case truncated(what: String, offset: UInt64, byteCount: UInt64, fileByteCount: Int)
    case tooLarge(byteCount: Int, limit: Int)
    case badHeaderSize(found: UInt16, expected: UInt16)
    case tooManySegments(count: Int, limit: Int)
    case noSegments
    case unalignedSegment(index: Int, address: UInt64, fileOffset: UInt64)
    case segmentSizes(index: Int, fileByteCount: UInt64, memoryByteCount: UInt64)
    case segmentOutOfRange(index: Int, address: UInt64, byteCount: UInt64)
    case sharedFileBytes(loadedByteCount: Int, fileByteCount: Int, limit: Int)
    case overlappingSegments(first: Int, second: Int)
    case writableCode(index: Int)
    case unreadableSegment(index: Int)
    case entryOutsideCode(UInt64)
    case noABINote

    public var description: String {
        switch self {
        case .notELF: "not an ELF file (no 0x7f ELF at its start)"
        case .wrongClass(let found): "expected a 64-bit ELF (class 2), found class \(found)"
        case .wrongByteOrder(let found): "expected little-endian (1), found byte order \(found)"
        case .wrongMachine(let found): "expected x86-64 (machine 62), found machine \(found)"
        case .wrongType(let found):
            "expected a static, non-PIE executable (type 2), found type \(found); link with -static and without -pie"
        case .truncated(let what, let offset, let byteCount, let file):
            "truncated: \(what) needs \(byteCount) bytes at offset \(offset), the file has \(file)"
        case .tooLarge(let byteCount, let limit): "\(byteCount) bytes; at most \(limit) are accepted"
        case .badHeaderSize(let found, let expected):
            "expected program headers of \(expected) bytes, found \(found)"
        case .tooManySegments(let count, let limit): "\(count) program headers; at most \(limit) are accepted"
        case .noSegments: "nothing to load: no PT_LOAD segment with memory"
        case .unalignedSegment(let index, let address, let offset):
            "segment \(index) at \(hex(address)): its address and its file offset \(hex(offset)) must agree modulo 4096"
        case .segmentSizes(let index, let file, let memory):
            "segment \(index) has \(file) bytes in the file but only \(memory) in memory"
        case .segmentOutOfRange(let index, let address, let byteCount):
            "segment \(index), \(byteCount) bytes at \(hex(address)), is outside the range for images, "
                + "\(GuestLayout.imageStart) to \(GuestLayout.imageEnd)"
        case .sharedFileBytes(let loaded, let file, let limit):
            "its segments load \(loaded) bytes of a file of \(file), at most \(limit) times as many are accepted; "
                + "segments must not share so much of the file"
        case .overlappingSegments(let first, let second): "segments \(first) and \(second) share a page"
        case .writableCode(let index): "segment \(index) is both writable and executable; separate code from data"
        case .unreadableSegment(let index): "segment \(index) is not readable"
        case .entryOutsideCode(let entry): "entry point \(hex(entry)) is not in an executable segment"
        case .noABINote:
            "no ABI note (owner Palimpsest): not a Palimpsest guest. Build it with the guest SDK (palimpsest build)"
        }
    }
}
