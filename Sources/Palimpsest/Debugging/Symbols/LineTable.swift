/// Source lines by address, from an ELF's DWARF line tables (DWARF 5, 6.2; versions 2 to 5): for fault reports only.
///
/// Everything in it is the guest's. A table that lies makes for a wrong line or for none; one that is malformed is read
/// as far as it makes sense; and reading costs no more time than the section has bytes, nor more memory than the limits
/// below allow.
struct LineTable: Sendable {
    /// Bytes of `.debug_line` that are read.
    static let maximumByteCount = 64 << 20
    static let maximumRowCount = 1 << 20
    /// Of files, and of directories.
    static let maximumFileCount = 1 << 16
    static let maximumPathByteCount = 1024

    struct Row: Sendable {
        let address: UInt64
        let line: UInt32
        /// Index of `files`, or beyond it.
        let file: Int
    }

    /// Rows of contiguous code, in address order.
    struct Sequence: Sendable {
        let addresses: Range<UInt64>
        let rows: Range<Int>
    }

    /// Where its name and its directory's are among the bytes.
    struct File: Sendable {
        let name: Int?
        let directory: Int?
    }

    private let bytes: [UInt8]
    private var rows: [Row] = []
    private var sequences: [Sequence] = []
    private var files: [File] = []

    /// A table without lines.
    init() { bytes = [] }

    /// Empty if the file has no usable line tables.
    init(_ image: ELFImage) {
        bytes = image.bytes
        guard let sections = ELFSections(bytes), let lines = sections[".debug_line"] else { return }
        let strings = LineProgramHeader.Strings(
            line: sections[".debug_line_str"] ?? 0..<0, other: sections[".debug_str"] ?? 0..<0)
        read(lines.prefix(LineTable.maximumByteCount), strings)
        sequences.sort { $0.addresses.lowerBound < $1.addresses.lowerBound }
    }

    /// One unit after the other; a malformed one is left out, the length it states says where the next one is.
    private mutating func read(_ section: Range<Int>, _ strings: LineProgramHeader.Strings) {
        var cursor = ByteCursor(bytes, section)
        while let unit = try? LineProgramHeader.unit(&cursor) {
            guard let header = try? LineProgramHeader(bytes, unit, strings),
                files.count + header.files.count <= LineTable.maximumFileCount
            else { continue }
            var program = LineProgram(header, firstFile: files.count, rowLimit: LineTable.maximumRowCount - rows.count)
            files += header.files
            program.run(bytes)
            let firstRow = rows.count
            rows += program.rows
            sequences += program.sequences.map {
                Sequence(
                    addresses: $0.addresses, rows: ($0.rows.lowerBound + firstRow)..<($0.rows.upperBound + firstRow))
            }
        }
    }

    /// The file and line of the instruction at `address`; nil if no table has it.
    func location(of address: UInt64) -> SourceLine? {
        guard let sequence = sequences.lastInOrder(where: { $0.addresses.lowerBound <= address }),
            sequence.addresses.contains(address),
            let row = rows[sequence.rows].lastInOrder(where: { $0.address <= address }),
            row.line > 0, files.indices.contains(row.file), let path = path(files[row.file])
        else { return nil }
        return SourceLine(file: path, line: Int(row.line))
    }

    /// As it was compiled; relative to where the compiler ran.
    private func path(_ file: File) -> String? {
        guard let name = file.name.map(text), !name.isEmpty else { return nil }
        guard let directory = file.directory.map(text), !directory.isEmpty, !name.hasPrefix("/") else { return name }
        return directory + "/" + name
    }

    private func text(at offset: Int) -> String {
        let text = bytes[offset...].prefix(LineTable.maximumPathByteCount).prefix { $0 != 0 }
        return GuestText.escaped(String(decoding: text, as: UTF8.self))
    }
}

extension Range<Int> {
    fileprivate func prefix(_ count: Int) -> Range<Int> { lowerBound..<Swift.min(upperBound, lowerBound + count) }
}

extension RandomAccessCollection {
    /// The last element that fulfils a condition which the elements in front of it do, too, and those behind it do not.
    fileprivate func lastInOrder(where isInFront: (Element) -> Bool) -> Element? {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = index(low, offsetBy: distance(from: low, to: high) / 2)
            if isInFront(self[middle]) { low = index(after: middle) } else { high = middle }
        }
        return low == startIndex ? nil : self[index(before: low)]
    }
}
