import MicroVM

/// Source lines by address, from an ELF's DWARF line tables (DWARF 5, 6.2; versions 2 to 5): for fault reports only.
///
/// Everything in it is the guest's. A table that lies makes for a wrong line or for none; one that is malformed is read
/// as far as it makes sense. Nothing is kept but the file's bytes: its programs are run once for all addresses that are
/// wanted at a time, which costs no more time than the section has bytes, and hardly any memory.
package struct LineTable: Sendable {
    /// Bytes of `.debug_line` that are read, some four for each row that there may be: a fault waits for them.
    package static let maximumByteCount = 4 << 20
    static let maximumRowCount = 1 << 20
    /// Of files, and of directories.
    static let maximumFileCount = 1 << 16
    package static let maximumPathByteCount = 1024

    /// Where its name and its directory's are among the bytes.
    package struct File: Sendable {
        package let name: Int?
        package let directory: Int?

        package init(name: Int?, directory: Int?) {
            self.name = name
            self.directory = directory
        }
    }

    private let bytes: [UInt8]

    /// A table without lines.
    init() { bytes = [] }

    /// Empty if the file has no usable line tables.
    init(_ image: ELFImage) { bytes = image.bytes }

    /// The files and lines of instructions; those are left out that no table has.
    package func lines(at addresses: some Collection<GuestVirtualAddress>) -> [GuestVirtualAddress: SourceLine] {
        guard !addresses.isEmpty, let sections = ELFSections(bytes), let section = sections[".debug_line"] else {
            return [:]
        }
        let strings = LineProgramHeader.Strings(
            line: sections[".debug_line_str"] ?? 0..<0, other: sections[".debug_str"] ?? 0..<0)
        var search = LineSearch(addresses)
        run(section.prefix(LineTable.maximumByteCount), strings, &search)
        var lines: [GuestVirtualAddress: SourceLine] = [:]
        for (address, place) in search.places { lines[address] = sourceLine(place) }
        return lines
    }

    /// One unit after the other; a malformed one is left out, the length it states says where the next one is.
    private func run(_ section: Range<Int>, _ strings: LineProgramHeader.Strings, _ search: inout LineSearch) {
        var cursor = ByteCursor(bytes, section)
        var fileCount = 0
        while !search.isFull, let unit = try? LineProgramHeader.unit(&cursor) {
            guard let header = try? LineProgramHeader(bytes, unit, strings),
                header.files.count <= LineTable.maximumFileCount - fileCount
            else { continue }
            fileCount += header.files.count
            var program = LineProgram(header)
            program.run(bytes, &search)
        }
    }

    private func sourceLine(_ place: LineSearch.Place) -> SourceLine? {
        guard let line = place.line.count(upTo: Int(UInt32.max)), line > 0, let path = place.file.flatMap(path) else {
            return nil
        }
        return SourceLine(file: path, line: line)
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
