import CPalimpsest

@testable import Palimpsest

/// All that is made of a guest's file without running it: the image, its memory, symbols, lines, and fault reports with
/// any addresses in them. Bytes that are no ELF are taken as a snapshot's symbols blob.
struct ImageTarget: FuzzTarget {
    private static let mutator = ELFMutator(includesContent: false)
    /// 64 frames of a name of 512 bytes and a path of twice 1,024, each byte of them at worst as `\u{..}`.
    private static let reportLimit = 64 * (512 + 2 * 1024) * 6 + (64 << 10)
    private static let sizes = SandboxConfiguration().scratchSizes

    static func seeds() throws -> [Seed] {
        let real = try Guests.seeds(["faulty", "golden", "faulty-swift"], withLines: true)
        let small = (2...5).map { Seed(name: "small-dwarf\($0)", bytes: SmallELF(lineVersion: $0).bytes) }
        let bare = try Guests.build("golden", withLines: false)
        return try real + small + [Seed(name: "symbols", bytes: SymbolTable(ELFImage(bare)).lines)]
    }

    func mutate(_ input: inout [UInt8], _ random: inout SplitMix) -> Bool {
        guard input.starts(with: [0x7f, 0x45]) else { return false }
        return ImageTarget.mutator.mutate(&input, &random)
    }

    func run(_ input: [UInt8]) {
        guard input.starts(with: [0x7f, 0x45]) else { return checkBlob(input) }
        do throws(GuestImageError) {
            checkImage(try ELFImage(input))
        } catch {
            Check.text(error.description, "an error")
        }
    }

    // MARK: - Files

    private func checkImage(_ image: ELFImage) {
        checkSegments(image)
        checkMemory(image)
        let symbols = LazySymbols(image)
        let addresses = addresses(image)
        checkStored(symbols.table, addresses)
        for address in addresses {
            for isCaller in [false, true] { checkFrame(GuestFrame(address, isCaller: isCaller, symbols)) }
        }
        checkReport(addresses, symbols)
    }

    private func checkSegments(_ image: ELFImage) {
        for segment in image.segments {
            let (start, end) = (segment.pages.lowerBound, segment.pages.upperBound)
            Check.holds(GuestLayout.imageStart <= start && start < end && end <= GuestLayout.imageEnd, "\(segment)")
            Check.holds(segment.filePages.upperBound <= end, "pages of the file beyond \(segment)")
            Check.holds(segment.fileOffset + segment.fileByteCount <= UInt64(image.bytes.count), "\(segment)")
        }
        for (one, next) in zip(image.segments, image.segments.dropFirst()) {
            Check.holds(one.pages.upperBound <= next.pages.lowerBound, "\(one) and \(next) overlap")
        }
    }

    /// Every byte of the file is where its segment says.
    private func checkMemory(_ image: ELFImage) {
        guard let memory = try? MemoryImage(image, sizes: ImageTarget.sizes) else { return }
        for segment in image.segments where segment.fileByteCount > 0 {
            let first = GuestVirtualAddress(rawValue: segment.address)
            let run = memory.pages.runs.first { $0.pages.contains(first) }
            Check.holds(run.map { segment.filePages == $0.pages } ?? false, "no run of pages for \(segment)")
        }
    }

    /// Where a comparison, a sum or a difference may go wrong: at the ends of everything, and of 64 bits.
    private func addresses(_ image: ELFImage) -> [UInt64] {
        var found = Boundary.values.flatMap { [$0 &- 1, $0, $0 &+ 1, 0 &- $0] }
        found += [image.entry, image.bytes.integer(image.bytes.count - 8, 8) ?? 0]
        for symbol in ELFFields(image.bytes).symbols.prefix(16) {
            guard let start = image.bytes.integer(symbol + 8, 8), let byteCount = image.bytes.integer(symbol + 16, 8)
            else { continue }
            found += [start, start &- 1, start &+ byteCount, start &+ byteCount &- 1]
        }
        for segment in image.segments { found += [segment.address, segment.address + segment.memoryByteCount] }
        return found
    }

    // MARK: - Symbols

    /// A table that has been saved and loaded has the same names.
    private func checkStored(_ table: SymbolTable, _ addresses: [UInt64]) {
        let stored = SymbolTable(lines: table.lines)
        Check.holds(stored.lines == table.lines, "symbols are not what they were when they were saved")
        for address in addresses {
            guard let symbol = table.symbol(at: address), !symbol.name.isEmpty else { continue }
            Check.text(symbol.name, "a name", limit: 512 * 8)
            let found = stored.symbol(at: address)
            let isSame = found?.name == symbol.name && found?.offset == symbol.offset
            Check.holds(isSame, "\(symbol) is \(String(describing: found))")
        }
    }

    private func checkBlob(_ blob: [UInt8]) {
        let symbols = LazySymbols(names: { SymbolTable(lines: blob) })
        let lines = symbols.table.lines
        Check.holds(SymbolTable(lines: lines).lines == lines, "symbols are not what they were when they were saved")
        var addresses = Boundary.values.flatMap { [$0 &- 1, $0, 0 &- $0] }
        for line in blob.split(separator: 0x0a).prefix(16) {
            let words = line.split(separator: 0x20).map { UInt64(String(decoding: $0, as: UTF8.self), radix: 16) ?? 0 }
            guard words.count > 1 else { continue }
            addresses += [words[0], words[0] &+ words[1], words[0] &+ words[1] &- 1]
        }
        checkStored(symbols.table, addresses)
        for address in addresses {
            for isCaller in [false, true] { checkFrame(GuestFrame(address, isCaller: isCaller, symbols)) }
        }
        checkReport(addresses, symbols)
    }

    // MARK: - Reports

    private func checkFrame(_ frame: GuestFrame) {
        Check.text(frame.description, "a frame")
        Check.text(frame.quoted, "a quoted frame")
        Check.holds((frame.symbol == nil) == (frame.offset == nil), "a symbol or an offset without the other")
        Check.holds((frame.file == nil) == (frame.line == nil), "a file or a line without the other")
    }

    private func checkReport(_ addresses: [UInt64], _ symbols: LazySymbols) {
        let backtrace = addresses.prefix(64).enumerated().map { GuestFrame($1, isCaller: $0 > 0, symbols) }
        var registers = GuestRegisters(kvm_regs())
        registers.rip = addresses[0]
        for (vector, isTrap) in [(14, false), (6, true)] as [(UInt8, Bool)] {
            let fault = GuestFault(
                kind: .exception(vector: vector), vector: vector, errorCode: 6, address: addresses.last,
                registers: registers, isTrap: isTrap, backtrace: backtrace, addressRegion: nil,
                addressSymbol: addresses.last.flatMap(symbols.table.name))
            Check.text(fault.description, "a fault", limit: ImageTarget.reportLimit)
            Check.text(fault.report, "a report", hasLines: true, limit: ImageTarget.reportLimit)
        }
    }
}
