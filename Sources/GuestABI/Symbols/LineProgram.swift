import MicroVM

/// The machine whose program a line table is (DWARF 5, 6.2.2 and 6.2.5). Every opcode takes at least a byte, so a
/// program ends.
struct LineProgram {
    private let header: LineProgramHeader
    private let fileCount: Int

    // The machine's registers, as far as they matter here.
    private var address = GuestVirtualAddress(rawValue: 0)
    private var file = Untrusted<UInt64>(1)
    private var line = Untrusted<UInt32>(1)

    init(_ header: LineProgramHeader) {
        self.header = header
        fileCount = header.files.count
    }

    /// Runs to the end, or to where the program makes no sense, and shows each row to `search`.
    mutating func run(_ bytes: [UInt8], _ search: inout LineSearch) {
        search.files = header.files
        var cursor = ByteCursor(bytes, header.program)
        while cursor.remainingByteCount > 0, !search.isFull, (try? step(&cursor, &search)) != nil {}
        search.dropSequence()
    }

    private mutating func step(
        _ cursor: inout ByteCursor, _ search: inout LineSearch
    ) throws(ByteCursor.Malformed) {
        let opcode = try cursor.byte()
        if opcode >= header.opcodeBase {
            try special(opcode, &search)
            return
        }
        switch opcode {
        case 0: try extendedStep(&cursor, &search)
        case 1: emitRow(&search)  // DW_LNS_copy
        case 2: advance(try cursor.unsigned())  // DW_LNS_advance_pc
        case 3: line = line &+ Untrusted(truncating: try cursor.signed())  // DW_LNS_advance_line
        case 4: file = try cursor.unsigned()  // DW_LNS_set_file
        case 8: _ = try advance(by: Untrusted(255))  // DW_LNS_const_add_pc
        case 9: address = address + Untrusted(truncating: try cursor.integer(UInt16.self))  // DW_LNS_fixed_advance_pc
        default: try skipOperands(of: opcode, &cursor)
        }
    }

    /// Opcodes from `opcodeBase` on advance address and line, and emit a row.
    private mutating func special(
        _ opcode: Untrusted<UInt8>, _ search: inout LineSearch
    ) throws(ByteCursor.Malformed) {
        let lineAdvance = try advance(by: opcode)
        line = line &+ Untrusted(truncating: header.lineBase) &+ Untrusted(truncating: lineAdvance)
        emitRow(&search)
    }

    /// Advances the address as far as a special opcode does.
    /// - Returns: what the opcode has left for the line.
    private mutating func advance(
        by opcode: Untrusted<UInt8>
    ) throws(ByteCursor.Malformed) -> Untrusted<UInt8> {
        let operation = opcode &- header.opcodeBase
        guard let (quotient, remainder) = operation.quotientAndRemainder(dividingBy: header.lineRange) else {
            throw ByteCursor.Malformed()
        }
        advance(Untrusted(truncating: quotient))
        return remainder
    }

    private mutating func advance(_ instructionCount: Untrusted<UInt64>) {
        address = address + instructionCount &* Untrusted(truncating: header.minimumInstructionByteCount)
    }

    private func skipOperands(
        of opcode: Untrusted<UInt8>, _ cursor: inout ByteCursor
    ) throws(ByteCursor.Malformed) {
        guard let index = (opcode &- Untrusted(1)).index(below: header.operandCounts.count) else {
            throw ByteCursor.Malformed()
        }
        for _ in 0..<header.operandCounts[index] { _ = try cursor.unsigned() }
    }

    private mutating func extendedStep(
        _ cursor: inout ByteCursor, _ search: inout LineSearch
    ) throws(ByteCursor.Malformed) {
        let range = try cursor.skip(try cursor.unsigned())
        guard let operation = cursor.bytes[range].first else { throw ByteCursor.Malformed() }
        switch operation {
        case 1:  // DW_LNE_end_sequence
            search.endSequence(at: address)
            (address, file, line) = (GuestVirtualAddress(rawValue: 0), Untrusted(1), Untrusted(1))
        case 2:  // DW_LNE_set_address
            var operand = ByteCursor(cursor.bytes, range.dropFirst())
            address = GuestVirtualAddress(rawValue: try operand.integer().uncheckedValue)
        default: break
        }
    }

    private func emitRow(_ search: inout LineSearch) {
        let index = file >= header.firstFileNumber ? file &- header.firstFileNumber : Untrusted(.max)
        let row = LineSearch.Row(address: address, line: line, file: index.index(below: fileCount))
        search.add(row)
    }
}
