import MicroVM

/// The header of one unit's line table (DWARF 5, 6.2.4; DWARF 2 to 4, the same section).
struct LineProgramHeader {
    /// The sections that names may be in.
    struct Strings {
        /// `.debug_line_str`.
        let line: Range<Int>
        /// `.debug_str`.
        let other: Range<Int>
    }

    typealias Malformed = ByteCursor.Malformed

    /// The opcodes.
    let program: Range<Int>
    let minimumInstructionByteCount: Untrusted<UInt8>
    let lineBase: Untrusted<Int8>
    let lineRange: Untrusted<UInt8>
    let opcodeBase: Untrusted<UInt8>
    /// How many operands the standard opcodes have; the first is opcode 1's.
    let operandCounts: [UInt8]
    private(set) var files: [LineTable.File] = []
    /// The number of the first file: 0 since version 5.
    let firstFileNumber: Untrusted<UInt64>

    private let is64Bit: Bool
    private var directories: [Int?] = []

    /// The next unit, its length behind the cursor; nil at the end.
    /// - Throws: if its length makes no sense: nobody knows where the next one is.
    static func unit(_ cursor: inout ByteCursor) throws(Malformed) -> (range: Range<Int>, is64Bit: Bool) {
        let length = try cursor.integer(UInt32.self)
        guard length != .max else { return (try cursor.skip(try cursor.integer()), true) }
        return (try cursor.skip(Untrusted(truncating: length)), false)
    }

    init(_ bytes: [UInt8], _ unit: (range: Range<Int>, is64Bit: Bool), _ strings: Strings) throws(Malformed) {
        var cursor = ByteCursor(bytes, unit.range)
        is64Bit = unit.is64Bit
        let version = try cursor.integer(UInt16.self)
        guard case 2...5 = version else { throw Malformed() }
        if version >= 5 {
            guard try cursor.byte() == 8, try cursor.byte() == 0 else { throw Malformed() }  // address, selector
        }
        let headerLength = try LineProgramHeader.offset(&cursor, unit.is64Bit)
        var header = ByteCursor(bytes, try cursor.skip(headerLength))
        program = cursor.position..<cursor.end

        minimumInstructionByteCount = try header.byte()
        if version >= 4 { _ = try header.byte() }  // operations an instruction: one on x86
        _ = try header.byte()  // is_stmt
        lineBase = try header.integer()
        lineRange = try header.byte()
        opcodeBase = try header.byte()
        guard lineRange > 0, opcodeBase > 0 else { throw Malformed() }
        operandCounts = Array(bytes[try header.skip(Untrusted(truncating: opcodeBase &- Untrusted(1)))])
        firstFileNumber = Untrusted(version >= 5 ? 0 : 1)
        if version >= 5 {
            try readEntries(&header, strings)
        } else {
            try readLists(&header)
        }
    }

    private static func offset(_ cursor: inout ByteCursor, _ is64Bit: Bool) throws(Malformed) -> Untrusted<UInt64> {
        is64Bit ? try cursor.integer() : Untrusted(truncating: try cursor.integer(UInt32.self))
    }

    // MARK: - Versions 2 to 4: lists that end with an empty name

    private mutating func readLists(_ header: inout ByteCursor) throws(Malformed) {
        directories = [nil]  // The compiler's own.
        while let name = try LineProgramHeader.name(&header) { try add(directory: name) }
        while let name = try LineProgramHeader.name(&header) {
            let directory = try header.unsigned()
            _ = try header.unsigned()  // Time
            _ = try header.unsigned()  // Size
            try add(file: name, directory)
        }
    }

    private static func name(_ header: inout ByteCursor) throws(Malformed) -> Int? {
        let start = try header.string()
        return header.position - start > 1 ? start : nil
    }

    // MARK: - Version 5: entries whose form is described first

    private static let pathContent: UInt64 = 1
    private static let directoryContent: UInt64 = 2

    private mutating func readEntries(_ header: inout ByteCursor, _ strings: Strings) throws(Malformed) {
        var isFirst = true
        try forEachEntry(&header, strings) { (header, path, _) throws(Malformed) in
            // The first one is where the compiler ran: names are good without it.
            try header.add(directory: isFirst ? nil : path)
            isFirst = false
        }
        try forEachEntry(&header, strings) { (header, path, directory) throws(Malformed) in
            try header.add(file: path, directory)
        }
    }

    private mutating func forEachEntry(
        _ header: inout ByteCursor, _ strings: Strings,
        _ body: (inout LineProgramHeader, _ path: Int?, _ directory: Untrusted<UInt64>) throws(Malformed) -> Void
    ) throws(Malformed) {
        var formats: [(content: Untrusted<UInt64>, form: Untrusted<UInt64>)] = []
        for _ in 0..<(try header.byte()).uncheckedValue {
            formats.append((try header.unsigned(), try header.unsigned()))
        }
        let count = try header.unsigned()
        // Every entry takes at least a byte, so a count that lies ends with the bytes.
        guard count == 0 || !formats.isEmpty else { throw Malformed() }
        var index: UInt64 = 0
        while count > index {
            var path: Int?
            var directory = Untrusted<UInt64>(0)
            for (content, form) in formats {
                switch content {
                case LineProgramHeader.pathContent: path = try string(&header, form, strings)
                case LineProgramHeader.directoryContent: directory = try number(&header, form)
                default: try skip(&header, form)
                }
            }
            try body(&self, path, directory)
            index += 1
        }
    }

    // MARK: - Forms (DWARF 5, 7.5.6)

    /// Where a name starts; nil if it is nowhere.
    private func string(
        _ header: inout ByteCursor, _ form: Untrusted<UInt64>, _ strings: Strings
    ) throws(Malformed) -> Int? {
        let section: Range<Int>
        switch form {
        case 0x08: return try header.string()  // DW_FORM_string
        case 0x0e: section = strings.other  // DW_FORM_strp
        case 0x1f: section = strings.line  // DW_FORM_line_strp
        default:
            try skip(&header, form)
            return nil
        }
        let offset = try LineProgramHeader.offset(&header, is64Bit)
        return offset.index(below: section.count).map { section.lowerBound + $0 }
    }

    private func number(
        _ header: inout ByteCursor, _ form: Untrusted<UInt64>
    ) throws(Malformed) -> Untrusted<UInt64> {
        switch form {
        case 0x0b: Untrusted(truncating: try header.byte())  // DW_FORM_data1
        case 0x05: Untrusted(truncating: try header.integer(UInt16.self))  // DW_FORM_data2
        case 0x06: Untrusted(truncating: try header.integer(UInt32.self))  // DW_FORM_data4
        case 0x07: try header.integer()  // DW_FORM_data8
        case 0x0f: try header.unsigned()  // DW_FORM_udata
        default: throw Malformed()
        }
    }

    private func skip(_ header: inout ByteCursor, _ form: Untrusted<UInt64>) throws(Malformed) {
        switch form {
        case 0x0e, 0x1f: _ = try LineProgramHeader.offset(&header, is64Bit)
        case 0x08: _ = try header.string()
        case 0x09: try header.skip(try header.unsigned())  // DW_FORM_block
        case 0x0a: try header.skip(Untrusted(truncating: try header.byte()))  // DW_FORM_block1
        case 0x1e: try header.skip(Untrusted(16))  // DW_FORM_data16
        case 0x1a: _ = try header.unsigned()  // DW_FORM_strx
        case 0x25: try header.skip(Untrusted(1))  // DW_FORM_strx1
        case 0x26: try header.skip(Untrusted(2))  // DW_FORM_strx2
        case 0x27: try header.skip(Untrusted(3))  // DW_FORM_strx3
        case 0x28: try header.skip(Untrusted(4))  // DW_FORM_strx4
        default: _ = try number(&header, form)
        }
    }

    // MARK: - What was read

    private mutating func add(directory name: Int?) throws(Malformed) {
        guard directories.count < LineTable.maximumFileCount else { throw Malformed() }
        directories.append(name)
    }

    private mutating func add(file name: Int?, _ directory: Untrusted<UInt64>) throws(Malformed) {
        guard files.count < LineTable.maximumFileCount else { throw Malformed() }
        let index = directory.index(below: directories.count)
        files.append(LineTable.File(name: name, directory: index.flatMap { directories[$0] }))
    }
}
