/// The smallest file that the engine takes for a guest and that has all it reads: segments, notes, symbols and a line
/// table. It has no code to run. Most of a real guest's bytes say nothing about how it is read.
struct SmallELF {
    /// DWARF's, 2 to 5.
    var lineVersion: UInt16 = 5

    private static let imageAddress: UInt64 = 0x20_0000

    var bytes: [UInt8] {
        let names = Array("\0.symtab\0.strtab\0.shstrtab\0.debug_line\0.debug_line_str\0".utf8)
        let symbolNames = Array("\0start\0$e5Guest6ParserV6headeryySiF\0table\0".utf8)
        let contents: [[UInt8]] = [notes, symbols, symbolNames, names, lines, Array("/src\0b.c\0".utf8)]
        let start = 64 + 3 * 56
        var offsets: [Int] = []
        var end = start
        for content in contents {
            offsets.append(end)
            end += (content.count + 7) & ~7
        }
        var file = header(sections: end)
        file += programHeader(type: 1, flags: 5, offset: 0, address: SmallELF.imageAddress, byteCount: UInt64(end))
        file += programHeader(
            type: 1, flags: 6, offset: 0, address: SmallELF.imageAddress + 0x10000, byteCount: 0, memory: 0x3000)
        file += programHeader(type: 4, flags: 4, offset: UInt64(start), address: 0, byteCount: UInt64(notes.count))
        for content in contents { file += content + [UInt8](repeating: 0, count: -content.count & 7) }
        let sections: [(name: Int, type: UInt64, content: Int, link: UInt64)] = [
            (0, 0, 0, 0), (1, 2, 1, 2), (9, 3, 2, 0), (17, 3, 3, 0), (27, 1, 4, 0), (39, 1, 5, 0),
        ]
        for section in sections {
            file += sectionHeader(
                section.name, section.type, offsets[section.content], contents[section.content].count, section.link)
        }
        return file + [UInt8](repeating: 0, count: 8)
    }

    private func header(sections: Int) -> [UInt8] {
        var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        for (value, byteCount) in [
            (2, 2), (62, 2), (1, 4), (SmallELF.imageAddress + 0x100, 8), (64, 8), (UInt64(sections), 8), (0, 4),
            (64, 2),
            (56, 2), (3, 2), (64, 2), (6, 2), (3, 2),
        ] as [(UInt64, Int)] { bytes.append(value, byteCount) }
        return bytes
    }

    private func programHeader(
        type: UInt64, flags: UInt64, offset: UInt64, address: UInt64, byteCount: UInt64, memory: UInt64? = nil
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(type, 4)
        bytes.append(flags, 4)
        for value in [offset, address, address, byteCount, memory ?? byteCount, 4096] { bytes.append(value, 8) }
        return bytes
    }

    private func sectionHeader(_ name: Int, _ type: UInt64, _ offset: Int, _ byteCount: Int, _ link: UInt64) -> [UInt8]
    {
        var bytes: [UInt8] = []
        bytes.append(UInt64(name), 4)
        bytes.append(type, 4)
        for value in [0, 0, UInt64(offset), UInt64(byteCount)] { bytes.append(value, 8) }
        bytes.append(link, 4)
        bytes.append(0, 4)
        bytes.append(1, 8)
        bytes.append(24, 8)
        return bytes
    }

    /// The ABI's version, and a build ID.
    private var notes: [UInt8] {
        var bytes: [UInt8] = []
        for (owner, type, content) in [
            ("Palimpsest", 1, [1, 0, 0, 0]), ("GNU", 3, [1, 2, 3, 4, 5, 6, 7, 8]),
        ] as [(String, UInt64, [UInt8])] {
            let name = Array(owner.utf8) + [0]
            bytes.append(UInt64(name.count), 4)
            bytes.append(UInt64(content.count), 4)
            bytes.append(type, 4)
            bytes += name + [UInt8](repeating: 0, count: -name.count & 3) + content
        }
        return bytes
    }

    /// Two functions and a variable.
    private var symbols: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 24)
        for (name, kind, address, byteCount) in [
            (1, 0x12, SmallELF.imageAddress + 0x100, 0x40), (7, 0x12, SmallELF.imageAddress + 0x140, 0x40),
            (36, 0x11, SmallELF.imageAddress + 0x10000, 8),
        ] as [(UInt64, UInt64, UInt64, UInt64)] {
            bytes.append(name, 4)
            bytes.append(kind, 2)
            bytes.append(1, 2)
            bytes.append(address, 8)
            bytes.append(byteCount, 8)
        }
        return bytes
    }

    /// One unit, one file, some rows.
    private var lines: [UInt8] {
        var rest: [UInt8] = [1] + (lineVersion >= 4 ? [1] : []) + [1, 0xfb, 14, 13]
        rest += [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]
        if lineVersion >= 5 {
            // Formats and entries of directories, then of files: names in .debug_line_str, an index of a directory.
            rest += [1, 1, 0x1f, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0x1f, 2, 0x0b, 1, 5, 0, 0, 0, 1]
        } else {
            rest += Array("src\0\0a.c\0".utf8) + [1, 0, 0, 0]
        }
        var program: [UInt8] = [0, 9, 2]
        program.append(SmallELF.imageAddress + 0x100, 8)
        program += [3, 6, 1, 0x4b, 0xf3, 2, 0x20, 3, 1, 1, 8, 9, 4, 0, 1, 0, 1, 1]
        var body: [UInt8] = []
        body.append(UInt64(lineVersion), 2)
        if lineVersion >= 5 { body += [8, 0] }
        body.append(UInt64(rest.count), 4)
        body += rest + program
        var unit: [UInt8] = []
        unit.append(UInt64(body.count), 4)
        return unit + body
    }
}
