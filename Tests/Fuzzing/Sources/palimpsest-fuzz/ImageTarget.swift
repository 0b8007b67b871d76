import CPalimpsest

@testable import GuestABI
@testable import MicroVM
@testable import Palimpsest

/// All that is made of a guest's file without running it: the image, its memory, symbols, lines, and fault reports with
/// any addresses in them. Bytes that are no ELF are taken as a snapshot's symbols blob.
struct ImageTarget: FuzzTarget {
    private static let mutator = ELFMutator(includesContent: false)
    /// 64 frames of a name of 512 bytes and a path of twice 1,024, each byte of them at worst as `\u{..}`.
    private static let reportLimit = 64 * (512 + 2 * 1024) * 6 + (64 << 10)

    static func seeds() throws -> [Seed] {
        let real = try Guests.seeds(["faulty", "golden", "faulty-swift"], withLines: true)
        let small = (2...5).map { Seed(name: "small-dwarf\($0)", bytes: SmallELF(lineVersion: $0).bytes) }
        let bare = try Guests.build("golden", withLines: false)
        return try real + small + [Seed(name: "symbols", bytes: ImageReading(file: bare).blob)]
    }

    func mutate(_ input: inout [UInt8], _ random: inout SplitMix) -> Bool {
        guard input.starts(with: [0x7f, 0x45]) else { return false }
        return ImageTarget.mutator.mutate(&input, &random)
    }

    func run(_ input: [UInt8]) {
        guard input.starts(with: [0x7f, 0x45]) else { return checkBlob(input) }
        do throws(GuestImageError) {
            checkFile(try ImageReading(file: input), input)
        } catch {
            Check.text(error.description, "an error")
        }
    }

    private func checkFile(_ reading: ImageReading, _ file: [UInt8]) {
        checkSegments(reading.segments, file)
        let addresses = addresses(reading, file)
        let model = SymbolModel(file)
        for (address, found) in zip(addresses, reading.symbols(at: addresses)) {
            Check.holds(model.permits(found, at: address), "at \(address) there is \(String(describing: found))")
        }
        check(reading, addresses)
    }

    private func checkBlob(_ blob: [UInt8]) {
        var addresses = ImageTarget.boundaries
        for line in blob.split(separator: 0x0a).prefix(16) {
            let words = line.split(separator: 0x20).map { UInt64(String(decoding: $0, as: UTF8.self), radix: 16) ?? 0 }
            guard words.count > 1 else { continue }
            addresses += ImageTarget.ends(words[0], words[1])
        }
        check(ImageReading(blob: blob), ImageTarget.some(of: addresses, blob))
    }

    private func checkSegments(_ segments: [ImageReading.Segment], _ file: [UInt8]) {
        for segment in segments {
            Check.holds(GuestLayout.imageStart.rawValue <= segment.addresses.lowerBound, "\(segment)")
            Check.holds(segment.addresses.upperBound <= GuestLayout.imageEnd.rawValue, "\(segment)")
            Check.holds(segment.file.upperBound <= file.count, "\(segment)")
            Check.holds(segment.file.count <= segment.addresses.count, "\(segment)")
        }
        for (one, next) in zip(segments, segments.dropFirst()) {
            let (end, start) = (one.addresses.upperBound, next.addresses.lowerBound)
            Check.holds((end + 4095) / 4096 <= start / 4096, "\(one) and \(next) share a page")
        }
    }

    // MARK: - Addresses: where a comparison, a sum or a difference may go wrong

    private static let boundaries = Boundary.values.flatMap { [$0 &- 1, $0, $0 &+ 1, 0 &- $0] }

    private static func ends(_ start: UInt64, _ byteCount: UInt64) -> [UInt64] {
        [start, start &- 1, start &+ byteCount, start &+ byteCount &- 1]
    }

    private func addresses(_ reading: ImageReading, _ file: [UInt8]) -> [UInt64] {
        var found = ImageTarget.boundaries + [file.integer(file.count - 8, 8) ?? 0]
        // The first functions, with their lines.
        let entry = file.integer(24, 8) ?? 0
        found += (0..<32).map { entry &+ $0 * 3 }
        for symbol in ELFFields(file).symbols.prefix(16) {
            guard let start = file.integer(symbol + 8, 8), let byteCount = file.integer(symbol + 16, 8) else {
                continue
            }
            found += ImageTarget.ends(start, byteCount)
        }
        for segment in reading.segments { found += [segment.addresses.lowerBound, segment.addresses.upperBound] }
        return ImageTarget.some(of: found, file)
    }

    /// Not all in each run: many runs find more than few long ones. The same for the same input.
    private static func some(of addresses: [UInt64], _ input: [UInt8]) -> [UInt64] {
        var random = SplitMix(state: input.suffix(512).hash)
        return Array(addresses.shuffled(using: &random).prefix(32))
    }

    // MARK: - Names, frames, reports

    private func check(_ reading: ImageReading, _ addresses: [UInt64]) {
        checkStored(reading, addresses)
        for areCallers in [false, true] {
            for frame in reading.frames(at: addresses, areCallers: areCallers) { check(frame) }
        }
        checkReport(reading, addresses)
    }

    /// Symbols that have been saved and loaded have the same names.
    private func checkStored(_ reading: ImageReading, _ addresses: [UInt64]) {
        let stored = ImageReading(blob: reading.blob)
        Check.holds(stored.blob == reading.blob, "symbols are not what they were when they were saved")
        for (symbol, found) in zip(reading.symbols(at: addresses), stored.symbols(at: addresses)) {
            guard let symbol, !symbol.name.isEmpty else { continue }
            Check.text(symbol.name, "a name", limit: 512 * 8)
            guard reading.isBlobComplete else { continue }
            let isSame = found?.name == symbol.name && found?.offset == symbol.offset
            Check.holds(isSame, "\(symbol) is \(String(describing: found))")
        }
    }

    private func check(_ frame: GuestFrame) {
        Check.text(frame.description, "a frame")
        Check.text(frame.quoted, "a quoted frame")
        Check.holds((frame.symbol == nil) == (frame.offset == nil), "a symbol or an offset without the other")
        Check.holds((frame.file == nil) == (frame.line == nil), "a file or a line without the other")
    }

    private func checkReport(_ reading: ImageReading, _ addresses: [UInt64]) {
        let backtrace =
            reading.frames(at: [addresses[0]], areCallers: false)
            + reading.frames(at: Array(addresses.dropFirst().prefix(63)), areCallers: true)
        var registers = GuestRegisters(kvm_regs())
        registers.rip = addresses[0]
        for (vector, isTrap) in [(14, false), (6, true)] as [(UInt8, Bool)] {
            let fault = GuestFault(
                kind: .exception(vector: vector), vector: vector, errorCode: 6, address: addresses.last,
                registers: registers, isTrap: isTrap, backtrace: backtrace, addressRegion: nil,
                addressSymbol: addresses.last.flatMap(reading.name))
            Check.text(fault.description, "a fault", limit: ImageTarget.reportLimit)
            Check.text(fault.report, "a report", hasLines: true, limit: ImageTarget.reportLimit)
        }
    }
}
