/// Changes an ELF file where it counts: fields of its headers, symbols, notes and line tables, to numbers at which
/// arithmetic changes its mind; names, to bytes that no name should have; and, of guests that run, code and data.
struct ELFMutator {
    private static let nameBytes: [[UInt8]] = [
        [0x0a], [0x1b, 0x5b], [0], [0xff], [0x20], [0x24, 0x73], [0x24, 0x65, 0x35], [0xe2, 0x80, 0xae],
        [0xc2, 0x9b], [0x39, 0x39, 0x39, 0x39],
    ]
    /// ud2, int3, hlt, jmp to itself, ret, push %rbp, call 0, out, in, a write to 0, a jump to the last page there is.
    private static let instructions: [[UInt8]] = [
        [0x0f, 0x0b], [0xcc], [0xf4], [0xeb, 0xfe], [0xc3], [0x55], [0xe8, 0, 0, 0, 0], [0xee], [0xec],
        [0xc7, 0x04, 0x25, 0, 0, 0, 0, 1, 0, 0, 0], [0x48, 0xc7, 0xc0, 0, 0xf0, 0xff, 0xff, 0xff, 0xe0],
    ]

    /// Whether the guest's code and data are of interest, too.
    let includesContent: Bool

    func mutate(_ file: inout [UInt8], _ random: inout SplitMix) -> Bool {
        guard file.count >= 64 else { return false }
        let fields = ELFFields(file)
        for _ in 0..<Int.random(in: 1...3, using: &random) { change(&file, fields, &random) }
        return true
    }

    private func change(_ file: inout [UInt8], _ fields: ELFFields, _ random: inout SplitMix) {
        switch Int.random(in: 0..<(includesContent ? 16 : 12), using: &random) {
        case 0: set(fields.header.randomElement(using: &random), &file, &random)
        case 1: set(fields.programHeaders.randomElement(using: &random)?.randomElement(using: &random), &file, &random)
        case 2, 3:
            set(fields.sectionHeaders.randomElement(using: &random)?.randomElement(using: &random), &file, &random)
        case 4, 5, 6: changeSymbol(&file, fields, &random)
        case 7: set(fields.notes.randomElement(using: &random), &file, &random)
        case 8: put(ELFMutator.nameBytes, in: fields.names, &file, &random)
        case 9, 10: changeNumber(in: fields.lines, &file, &random)
        case 11: changeTrailer(&file, &random)
        case 12, 13: put(ELFMutator.instructions, in: fields.code, &file, &random)
        default: changeNumber(in: fields.data, &file, &random, alignment: 8)
        }
    }

    private func changeSymbol(_ file: inout [UInt8], _ fields: ELFFields, _ random: inout SplitMix) {
        guard let symbol = fields.symbols.randomElement(using: &random) else { return }
        let parts = ELFFields.fields([4, 1, 1, 2, 8, 8], at: symbol)
        // Most often address and size.
        set(parts[[0, 1, 4, 4, 5, 5][Int.random(in: 0..<6, using: &random)]], &file, &random)
    }

    /// A boundary; the number as it is and a bit; or one that depends on the file's size.
    private func set(_ field: ELFFields.Field?, _ file: inout [UInt8], _ random: inout SplitMix) {
        guard let field, let old = file.integer(field.offset, field.byteCount) else { return }
        let difference = UInt64(bitPattern: Int64.random(in: -4...4, using: &random))
        let new: UInt64 =
            switch Int.random(in: 0..<6, using: &random) {
            case 0: old &+ difference
            case 1: old ^ 1 << UInt64.random(in: 0..<UInt64(field.byteCount * 8), using: &random)
            case 2: UInt64(file.count) &+ difference
            default: Boundary.value(&random)
            }
        file.set(field.offset, field.byteCount, to: new)
    }

    private func place(in ranges: [Range<Int>], _ random: inout SplitMix) -> Int? {
        ranges.filter { !$0.isEmpty }.randomElement(using: &random).map { Int.random(in: $0, using: &random) }
    }

    private func changeNumber(
        in ranges: [Range<Int>], _ file: inout [UInt8], _ random: inout SplitMix, alignment: Int = 1
    ) {
        guard let place = place(in: ranges, &random) else { return }
        let byteCount = alignment > 1 ? alignment : [1, 1, 2, 4, 8][Int.random(in: 0..<5, using: &random)]
        set(ELFFields.Field(offset: place - place % alignment, byteCount: byteCount), &file, &random)
    }

    private func put(_ choices: [[UInt8]], in ranges: [Range<Int>], _ file: inout [UInt8], _ random: inout SplitMix) {
        guard let place = place(in: ranges, &random), let bytes = choices.randomElement(using: &random) else { return }
        for (index, byte) in bytes.enumerated() where place + index < file.count { file[place + index] = byte }
    }

    /// The last bytes choose what a target does with the file.
    private func changeTrailer(_ file: inout [UInt8], _ random: inout SplitMix) {
        file.set(file.count - 8, 8, to: Bool.random(using: &random) ? random.next() : Boundary.value(&random))
    }
}
