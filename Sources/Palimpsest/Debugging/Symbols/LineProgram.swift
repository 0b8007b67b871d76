/// The machine whose program a line table is (DWARF 5, 6.2.2 and 6.2.5). Every opcode takes at least a byte, so a
/// program ends.
struct LineProgram {
    private(set) var rows: [LineTable.Row] = []
    private(set) var sequences: [LineTable.Sequence] = []

    private let header: LineProgramHeader
    private let firstFile: Int
    private let rowLimit: Int

    // The machine's registers, as far as they matter here.
    private var address: UInt64 = 0
    private var file: UInt64 = 1
    private var line: UInt32 = 1

    /// Of the sequence that is being read.
    private var firstRow = 0

    /// - Parameters:
    ///   - firstFile: the index that the header's first file has for the rows.
    ///   - rowLimit: rows there is room for; those beyond are left out.
    init(_ header: LineProgramHeader, firstFile: Int, rowLimit: Int) {
        self.header = header
        self.firstFile = firstFile
        self.rowLimit = rowLimit
    }

    /// Runs to the end, or to where the program makes no sense.
    mutating func run(_ bytes: [UInt8]) {
        var cursor = ByteCursor(bytes, header.program)
        while cursor.remainingByteCount > 0, (try? step(&cursor)) != nil {}
        rows.removeSubrange(firstRow...)
    }

    private mutating func step(_ cursor: inout ByteCursor) throws(ByteCursor.Malformed) {
        let opcode = try cursor.byte()
        if opcode >= header.opcodeBase {
            let operation = opcode - header.opcodeBase
            advance(UInt64(operation / header.lineRange))
            line &+= UInt32(bitPattern: Int32(header.lineBase) + Int32(operation % header.lineRange))
            return emitRow()
        }
        switch opcode {
        case 0: try extendedStep(&cursor)
        case 1: emitRow()  // DW_LNS_copy
        case 2: advance(try cursor.unsigned())  // DW_LNS_advance_pc
        case 3: line &+= UInt32(truncatingIfNeeded: try cursor.signed())  // DW_LNS_advance_line
        case 4: file = try cursor.unsigned()  // DW_LNS_set_file
        case 8: advance(UInt64((255 - header.opcodeBase) / header.lineRange))  // DW_LNS_const_add_pc
        case 9: address &+= UInt64(try cursor.integer(UInt16.self))  // DW_LNS_fixed_advance_pc
        default:
            for _ in 0..<header.operandCounts[Int(opcode) - 1] { _ = try cursor.unsigned() }
        }
    }

    private mutating func extendedStep(_ cursor: inout ByteCursor) throws(ByteCursor.Malformed) {
        let range = try cursor.skip(try cursor.unsigned())
        var operands = ByteCursor(cursor.bytes, range)
        switch try operands.byte() {
        case 1: endSequence()  // DW_LNE_end_sequence
        case 2: address = try operands.integer()  // DW_LNE_set_address
        default: break
        }
    }

    private mutating func advance(_ instructionCount: UInt64) {
        address &+= instructionCount &* UInt64(header.minimumInstructionByteCount)
    }

    /// Line 0 is code that no line stands for. Swift has its traps there, right behind a row at the same address with
    /// the line whose check it was: that one is kept.
    private mutating func emitRow() {
        let index = file >= header.firstFileNumber ? file - header.firstFileNumber : .max
        let isKnown = index < UInt64(header.files.count)
        let row = LineTable.Row(address: address, line: line, file: isKnown ? firstFile + Int(index) : .max)
        if rows.count > firstRow, let last = rows.last {
            guard row.address >= last.address, row.line != last.line || row.file != last.file else { return }
            if row.address == last.address {
                if row.line > 0 { rows[rows.count - 1] = row }
                return
            }
        }
        guard rows.count < rowLimit else { return }
        rows.append(row)
    }

    /// Sequences outside the image are of functions that the linker has left out: it puts them at 0.
    private mutating func endSequence() {
        if rows.count > firstRow, rows[firstRow].address >= GuestLayout.imageStart.rawValue,
            address > rows[firstRow].address, address <= GuestLayout.imageEnd.rawValue
        {
            sequences.append(
                LineTable.Sequence(addresses: rows[firstRow].address..<address, rows: firstRow..<rows.count))
        } else {
            rows.removeSubrange(firstRow...)
        }
        firstRow = rows.count
        (address, file, line) = (0, 1, 1)
    }
}
