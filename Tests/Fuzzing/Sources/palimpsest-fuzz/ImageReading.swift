@testable import Palimpsest

/// What the engine makes of a guest's file or of a symbols blob, in numbers and names: what the targets state does not
/// depend on how the engine goes about it.
struct ImageReading {
    struct Segment {
        let addresses: Range<UInt64>
        let file: Range<Int>
    }

    let symbols: LazySymbols
    let segments: [Segment]

    /// - Throws: why it is no guest.
    init(file: [UInt8]) throws(GuestImageError) {
        let image = try ELFImage(file)
        symbols = LazySymbols(image)
        segments = image.segments.map {
            Segment(
                addresses: $0.address..<$0.address + $0.memoryByteCount,
                file: Int($0.fileOffset)..<Int($0.fileOffset) + Int($0.fileByteCount))
        }
        // Its memory before the first instruction: an error, or all of it.
        _ = try? MemoryImage(image, sizes: SandboxConfiguration().scratchSizes)
    }

    init(blob: [UInt8]) {
        symbols = LazySymbols(names: { SymbolTable(lines: blob) })
        segments = []
    }

    /// The symbols as a snapshot's store has them.
    var blob: [UInt8] { symbols.table.lines }

    /// Whether all of them are there.
    var isBlobComplete: Bool { true }

    func symbols(at addresses: [UInt64]) -> [(name: String, offset: UInt64)?] { addresses.map(symbols.table.symbol) }

    func frames(at addresses: [UInt64], areCallers: Bool) -> [GuestFrame] {
        addresses.map { GuestFrame($0, isCaller: areCallers, symbols) }
    }

    func name(at address: UInt64) -> String? { symbols.table.name(at: address) }
}
