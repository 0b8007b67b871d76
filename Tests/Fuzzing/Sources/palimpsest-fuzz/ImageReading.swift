@testable import GuestABI
@testable import MicroVM
@testable import Palimpsest
@testable import PalimpsestStore

/// What the engine makes of a guest's file or of a symbols blob, in numbers and names: what the targets state does not
/// depend on how the engine goes about it.
struct ImageReading {
    struct Segment {
        let addresses: Range<UInt64>
        let file: Range<Int>
    }

    let symbols: LazySymbols
    let segments: [Segment]
    /// The symbols as a snapshot's store has them.
    let blob: [UInt8]
    /// Whether all of them are there: a blob has no more bytes than what it is made of.
    let isBlobComplete: Bool

    /// - Throws: why it is no guest.
    init(file: [UInt8]) throws(GuestImageError) {
        let image = try ELFImage(file)
        self.init(LazySymbols(image), file.count, image.segments)
        // Its memory before the first instruction: an error, or all of it.
        _ = try? MemoryImage(image, sizes: SandboxConfiguration().scratchSizes)
    }

    init(blob: [UInt8]) {
        self.init(LazySymbols(SymbolTable(SymbolRecords(bytes: blob, format: .lines))), blob.count, [])
    }

    private init(_ symbols: LazySymbols, _ byteCount: Int, _ segments: [ELFImage.Segment]) {
        self.symbols = symbols
        self.segments = segments.map {
            Segment(
                addresses: $0.addresses.lowerBound.rawValue..<$0.addresses.upperBound.rawValue, file: $0.fileRange)
        }
        blob = symbols.table.blob(limit: StoreLimits.symbolsByteCount)
        let longestLine = 2 * 17 + SymbolTable.maximumNameByteCount + 1
        isBlobComplete = byteCount - blob.count >= longestLine
    }

    /// What symbols and lines say of each of these addresses; of one alone, they say the same.
    func symbols(at addresses: [UInt64]) -> [(name: String, offset: UInt64)?] {
        let addresses = addresses.map(GuestVirtualAddress.init)
        let found = symbols.table.symbols(at: addresses)
        if let one = addresses.last {
            Check.holds(symbols.table.symbols(at: [one])[one] == found[one], "\(one) alone is something else")
        }
        return addresses.map { address in found[address].map { ($0.name, $0.offset) } }
    }

    func frames(at addresses: [UInt64], areCallers: Bool) -> [GuestFrame] {
        let addresses = addresses.map(GuestVirtualAddress.init)
        let places = symbols.places(of: addresses.map { GuestFrame.instruction(at: $0, isCaller: areCallers) })
        return addresses.map { GuestFrame($0, isCaller: areCallers, places) }
    }

    func name(at address: UInt64) -> String? {
        let address = GuestVirtualAddress(rawValue: address)
        return symbols.table.symbols(at: [address])[address]?.description
    }
}
