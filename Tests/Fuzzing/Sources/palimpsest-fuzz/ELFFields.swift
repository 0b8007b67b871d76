/// Where the numbers are in an ELF file that may be broken in every way: what there is of it is found.
struct ELFFields {
    struct Field {
        let offset: Int
        let byteCount: Int
    }

    private(set) var header: [Field] = []
    private(set) var programHeaders: [[Field]] = []
    private(set) var sectionHeaders: [[Field]] = []
    /// Where symbols are (`Elf64_Sym`, 24 bytes each).
    private(set) var symbols: [Int] = []
    private(set) var notes: [Field] = []
    /// Bytes of names.
    private(set) var names: [Range<Int>] = []
    /// Bytes of `.debug_line` and the sections it takes names from: those that are neither loaded nor symbols.
    private(set) var lines: [Range<Int>] = []
    /// Bytes that are loaded, as code and as data.
    private(set) var code: [Range<Int>] = []
    private(set) var data: [Range<Int>] = []

    private static let programHeader = [4, 4, 8, 8, 8, 8, 8, 8]
    private static let sectionHeader = [4, 4, 8, 8, 8, 8, 4, 4, 8, 8]
    private static let maximumCount: UInt64 = 64

    init(_ file: [UInt8]) {
        header = ELFFields.fields([2, 2, 4, 8, 8, 8, 4, 2, 2, 2, 2, 2, 2], at: 16)
        readProgramHeaders(file)
        readSectionHeaders(file)
    }

    static func fields(_ byteCounts: [Int], at start: Int) -> [Field] {
        var offset = start
        return byteCounts.map { byteCount in
            defer { offset += byteCount }
            return Field(offset: offset, byteCount: byteCount)
        }
    }

    private mutating func readProgramHeaders(_ file: [UInt8]) {
        let table = Int(clamping: file.integer(32, 8) ?? 0)
        for index in 0..<Int(min(file.integer(56, 2) ?? 0, ELFFields.maximumCount)) where table < file.count {
            let start = table + index * 56
            programHeaders.append(ELFFields.fields(ELFFields.programHeader, at: start))
            let content = ELFFields.range(file, offset: start + 8, byteCount: start + 32)
            switch file.integer(start, 4) {
            case 1 where (file.integer(start + 4, 4) ?? 0) & 1 != 0: code.append(content)
            case 1: data.append(content)
            case 4: notes += ELFFields.fields([4, 4, 4, 4, 4], at: content.lowerBound)
            default: break
            }
        }
    }

    private mutating func readSectionHeaders(_ file: [UInt8]) {
        let table = Int(clamping: file.integer(40, 8) ?? 0)
        for index in 0..<Int(min(file.integer(60, 2) ?? 0, ELFFields.maximumCount)) where table < file.count {
            let start = table + index * 64
            sectionHeaders.append(ELFFields.fields(ELFFields.sectionHeader, at: start))
            let content = ELFFields.range(file, offset: start + 24, byteCount: start + 32)
            let isLoaded = (file.integer(start + 8, 8) ?? 0) & 2 != 0
            switch file.integer(start + 4, 4) {
            case 2: symbols += stride(from: content.lowerBound, to: content.upperBound, by: 24)
            case 3: names.append(content)
            case 1 where !isLoaded: lines.append(content)
            default: break
            }
        }
    }

    /// What two fields say, as far as the file goes.
    private static func range(_ file: [UInt8], offset: Int, byteCount: Int) -> Range<Int> {
        let start = min(Int(clamping: file.integer(offset, 8) ?? 0), file.count)
        return start..<start + min(Int(clamping: file.integer(byteCount, 8) ?? 0), file.count - start)
    }
}
