import CPalimpsest
import GuestABI
import MicroVM
import Palimpsest

/// Writing down a snapshot.
extension SnapshotConfig {
    /// - Parameter stored: how each of the snapshot's layers lies in the store, in their order.
    /// - Throws: `tooLarge`.
    init(_ snapshot: Snapshot, _ stored: [StoredLayer]) throws(SnapshotStoreError) {
        let memory = snapshot.memory
        let sizes = memory.layout.sizes
        let files = memory.files.compactMap(\.file)
        formatVersion = SnapshotConfig.formatVersion
        engineVersion = EngineVersion.current.description
        architecture = SnapshotConfig.architecture
        abiVersion = UInt32(PAL_ABI_VERSION)
        processor = .init(
            xcr0: HexInteger(snapshot.processor.stateComponents), features: snapshot.processor.names)
        scratch = .init(
            mailbox: sizes.mailbox, stack: sizes.stack, zeroData: sizes.zeroData, heap: sizes.heap, pool: sizes.pool)
        regions = SnapshotConfig.regions(memory.regions, files)
        self.files = files.map(File.init)
        pages = try SnapshotConfig.pages(memory, stored)
        writeSet = SnapshotConfig.packed(memory.writeSet.sorted, isSigned: false)
        hotPages = SnapshotConfig.packed(memory.hotPages.all, isSigned: true)
        exports = snapshot.exports.map {
            Export(
                name: $0.name, signature: $0.signature.text, function: HexInteger($0.function),
                context: HexInteger($0.context))
        }
        hostFunctions = snapshot.requiredHostFunctions.map {
            HostFunction(name: $0.name, signature: $0.signature.text)
        }
    }

    static func regions(_ regions: RegionMap, _ files: [MappedFileIdentity]) -> [Region] {
        regions.mappings.map { mapping in
            Region(
                start: HexInteger(mapping.region.guest.lowerBound.rawValue), byteCount: mapping.region.byteCount,
                label: mapping.region.label.rawValue, access: mapping.region.access.description,
                backing: mapping.backing.name, file: mapping.file.flatMap(files.firstIndex))
        }
    }

    /// The page map, each run cut where the blob's order is not the layer's, and joined where it is.
    private static func pages(
        _ memory: MemoryImage, _ stored: [StoredLayer]
    ) throws(SnapshotStoreError) -> PackedIntegers {
        let layers = memory.layers
        var packed = PackedIntegers()
        var writer = RunWriter()
        for run in memory.pages.runs {
            guard let index = layers.firstIndex(where: { $0 === run.layer }) else { continue }
            let range = run.offset..<run.offset + (run.pages.upperBound - run.pages.lowerBound)
            // A file's pages are where they are in the file.
            let asTheyAre = [StoredLayer.Piece(layerOffset: run.offset, blobOffset: run.offset, byteCount: range.count)]
            for piece in index < stored.count ? stored[index].pieces(of: range) : asTheyAre {
                writer.add(
                    first: run.pages.lowerBound + (piece.layerOffset - range.lowerBound), byteCount: piece.byteCount,
                    layer: index, offset: piece.blobOffset, to: &packed)
            }
        }
        writer.flush(to: &packed)
        guard writer.count <= StoreLimits.runCount else {
            throw .tooLarge(what: "runs of pages", count: writer.count, limit: StoreLimits.runCount)
        }
        return packed
    }

    private struct RunWriter {
        private var pending: (first: GuestVirtualAddress, byteCount: Int, layer: Int, offset: Int)?
        private var end = GuestVirtualAddress(rawValue: 0)
        private(set) var count = 0

        mutating func add(
            first: GuestVirtualAddress, byteCount: Int, layer: Int, offset: Int, to packed: inout PackedIntegers
        ) {
            if let last = pending, last.layer == layer, last.first + last.byteCount == first,
                last.offset + last.byteCount == offset
            {
                pending = (last.first, last.byteCount + byteCount, layer, last.offset)
            } else {
                flush(to: &packed)
                pending = (first, byteCount, layer, offset)
            }
        }

        mutating func flush(to packed: inout PackedIntegers) {
            guard let run = pending else { return }
            packed.append((run.first - end) / pageByteCount)
            packed.append(run.byteCount / pageByteCount)
            packed.append(run.layer)
            packed.append(run.offset / pageByteCount)
            end = run.first + run.byteCount
            pending = nil
            count += 1
        }
    }

    /// Pages as runs: the distance from the last run's end, and how many follow each other.
    static func packed(_ pages: [GuestVirtualAddress], isSigned: Bool) -> PackedIntegers {
        var packed = PackedIntegers()
        var end = GuestVirtualAddress(rawValue: 0)
        var index = 0
        while index < pages.count {
            let first = pages[index]
            var count = 1
            while index + count < pages.count, pages[index + count] == first + count * pageByteCount { count += 1 }
            let distance = (first - end) / pageByteCount
            if isSigned { packed.append(signed: distance) } else { packed.append(distance) }
            packed.append(count)
            end = first + count * pageByteCount
            index += count
        }
        return packed
    }
}

extension SnapshotConfig.File {
    fileprivate init(_ file: MappedFileIdentity) {
        path = file.path
        byteCount = file.byteCount
        device = HexInteger(file.device)
        inode = HexInteger(file.inode)
        modified = file.modified
        digest = file.digest.flatMap { BlobDigest(hexadecimal: HexadecimalBytes.text($0)) }
    }
}

extension RegionMap.Backing {
    /// As configs have it.
    var name: String {
        switch self {
        case .fixed: "fixed"
        case .shared: "shared"
        case .home: "home"
        case .pool: "pool"
        case .none: "none"
        }
    }
}

extension GuestSignature {
    /// The ABI's characters as text.
    var text: String { String(decoding: codes, as: UTF8.self) }
}
