import CPalimpsest
import GuestABI
import MicroVM
import Palimpsest

/// Makes of a config, which is anybody's, what the engine works with, or says which field cannot be.
///
/// Nothing of it decides where the host reads or writes: guest-physical places follow from the sizes, and the regions
/// that every guest has must be exactly those the engine would lay out itself.
struct SnapshotConfigReader {
    let config: SnapshotConfig
    /// The blob, for errors.
    let path: String

    func invalid(_ field: String, _ reason: String) -> SnapshotStoreError {
        .invalid(path: path, field: field, reason: reason)
    }

    // MARK: - What it needs

    /// - Throws: `wrongArchitecture`, `abiVersionMismatch`, `engineTooOld`, `processorLacks`.
    func checkRequirements() throws(SnapshotStoreError) {
        guard config.architecture == SnapshotConfig.architecture else {
            throw .wrongArchitecture(
                needed: GuestText.excerpt(config.architecture, 64), here: SnapshotConfig.architecture)
        }
        guard config.abiVersion == UInt32(PAL_ABI_VERSION) else {
            throw .abiVersionMismatch(snapshot: config.abiVersion, engine: UInt32(PAL_ABI_VERSION))
        }
        guard let version = EngineVersion(config.engineVersion) else {
            throw invalid("engineVersion", "expected three numbers such as \(EngineVersion.current)")
        }
        guard EngineVersion.current.canRun(savedBy: version) else {
            throw .engineTooOld(needed: version.description, here: EngineVersion.current.description)
        }
        let missing = try processor().missing(in: .here)
        guard missing.isEmpty else { throw .processorLacks(features: missing, here: ProcessorFeatures.here.names) }
    }

    static func unsupported(_ version: Int, _ path: String) -> SnapshotStoreError {
        .unsupportedFormat(
            path: path, found: "version \(version)", supported: "version \(SnapshotConfig.formatVersion)")
    }

    func processor() throws(SnapshotStoreError) -> ProcessorFeatures {
        let names = config.processor.features
        let characters = Set("abcdefghijklmnopqrstuvwxyz0123456789_".utf8)
        guard names.count <= 256,
            names.allSatisfy({ (1...32).contains($0.utf8.count) && characters.isSuperset(of: $0.utf8) })
        else {
            throw invalid("processor.features", "expected at most 256 names of lower-case letters, digits and '_'")
        }
        return ProcessorFeatures(stateComponents: config.processor.xcr0.value, names: names)
    }

    // MARK: - Memory

    func layout() throws(SnapshotStoreError) -> ScratchLayout {
        typealias Sizes = ScratchLayout.Sizes
        let scratch = config.scratch
        let sizes = [
            ("mailbox", scratch.mailbox, Sizes.mailboxRange), ("stack", scratch.stack, Sizes.stackRange),
            ("zeroData", scratch.zeroData, Sizes.zeroDataRange), ("heap", scratch.heap, Sizes.heapRange),
            ("pool", scratch.pool, Sizes.poolRange),
        ]
        for (name, value, range) in sizes where !range.contains(value) || !value.isPageAligned {
            throw invalid(
                "scratch.\(name)",
                "expected \(range.lowerBound) to \(range.upperBound), a multiple of \(pageByteCount); found \(value)")
        }
        return ScratchLayout(
            Sizes(
                mailbox: scratch.mailbox, stack: scratch.stack, zeroData: scratch.zeroData, heap: scratch.heap,
                pool: scratch.pool))
    }

    func regions(_ layout: ScratchLayout, _ files: [MappedFileIdentity]) throws(SnapshotStoreError) -> RegionMap {
        guard config.regions.count <= StoreLimits.regionCount else {
            throw invalid("regions", "expected at most \(StoreLimits.regionCount), found \(config.regions.count)")
        }
        var mappings: [RegionMap.Mapping] = []
        var zeroData = layout.zeroData
        for (index, region) in config.regions.enumerated() {
            guard let mapping = try mapping(region, "regions[\(index)]", files, &zeroData) else { continue }
            mappings.append(mapping)
        }
        guard zeroData == layout.heap else {
            throw invalid("scratch.zeroData", "the bss regions have \(zeroData - layout.zeroData) bytes")
        }
        do {
            mappings += try MemoryImage.fixedRegions(layout)
        } catch {
            throw invalid("scratch", "\(error)")
        }
        let map = RegionMap(mappings)
        for (one, next) in zip(map.mappings, map.mappings.dropFirst())
        where one.region.guest.upperBound > next.region.guest.lowerBound {
            throw invalid(
                "regions", "\(one.region.label) and \(next.region.label) at \(next.region.guest.lowerBound) overlap")
        }
        try compare(SnapshotConfig.regions(map, files))
        return map
    }

    /// The regions of image and files are as given. All others are the engine's own, and so must be those given.
    private func compare(_ expected: [SnapshotConfig.Region]) throws(SnapshotStoreError) {
        for (index, (found, expected)) in zip(config.regions, expected).enumerated() where found != expected {
            throw invalid(
                "regions[\(index)]",
                "expected \(expected.label) of \(expected.byteCount) bytes at \(hex(expected.start.value)), "
                    + "\(expected.access), backing \(expected.backing)")
        }
        guard config.regions.count == expected.count else {
            throw invalid("regions", "expected \(expected.count), found \(config.regions.count)")
        }
    }

    /// Nil for a region that every guest has.
    private func mapping(
        _ region: SnapshotConfig.Region, _ field: String, _ files: [MappedFileIdentity],
        _ zeroData: inout GuestPhysicalAddress
    ) throws(SnapshotStoreError) -> RegionMap.Mapping? {
        guard let label = MemoryRegionLabel(rawValue: region.label) else {
            throw invalid(field + ".label", "'\(GuestText.excerpt(region.label, 32))' is none")
        }
        switch label {
        case .code, .readOnlyData, .data, .zeroData:
            let access = try imageAccess(region, label, field)
            let pages = try pages(region, field, in: GuestLayout.imageStart..<GuestLayout.imageEnd)
            let memory = try memoryRegion(pages, access, label, field)
            guard label == .zeroData else { return .init(region: memory, backing: .pool) }
            defer { zeroData = zeroData + memory.byteCount }
            return .init(region: memory, backing: .home(zeroData))
        case .mappedFile:
            guard let index = region.file, files.indices.contains(index),
                region.byteCount == files[index].byteCount.roundedUpToPages
            else { throw invalid(field + ".file", "expected the index of a file of the region's size") }
            let pages = try pages(region, field, in: GuestLayout.imageStart..<GuestLayout.userEnd)
            let memory = try memoryRegion(pages, [.read, .write], label, field)
            return .init(region: memory, backing: .pool, file: files[index])
        default: return nil
        }
    }

    private func memoryRegion(
        _ pages: Range<GuestVirtualAddress>, _ access: MemoryAccess, _ label: MemoryRegionLabel, _ field: String
    ) throws(SnapshotStoreError) -> MemoryRegion<GuestVirtualAddress> {
        do throws(MemoryRegionError) {
            return try MemoryRegion(guest: pages, host: nil, access: access, label: label)
        } catch {
            throw invalid(field, "\(error)")
        }
    }

    private func pages(
        _ region: SnapshotConfig.Region, _ field: String, in bounds: Range<GuestVirtualAddress>
    ) throws(SnapshotStoreError) -> Range<GuestVirtualAddress> {
        let start = GuestVirtualAddress(rawValue: region.start.value)
        guard start.isPageAligned, bounds.contains(start), region.byteCount > 0, region.byteCount.isPageAligned,
            region.byteCount <= bounds.upperBound - start
        else {
            throw invalid(
                field,
                "expected whole pages between \(bounds.lowerBound) and \(bounds.upperBound), found "
                    + "\(region.byteCount) bytes at \(start)")
        }
        return start..<start + region.byteCount
    }

    /// As `MemoryImage(_: ELFImage)` would name and allow them.
    private func imageAccess(
        _ region: SnapshotConfig.Region, _ label: MemoryRegionLabel, _ field: String
    ) throws(SnapshotStoreError) -> MemoryAccess {
        let possible: [MemoryAccess] =
            switch label {
            case .code: [[.read, .execute]]
            case .readOnlyData: [.read]
            case .data: [[.read, .write]]
            default: [.read, [.read, .write], [.read, .execute]]
            }
        guard let access = possible.first(where: { $0.description == region.access }) else {
            throw invalid(
                field + ".access",
                "expected \(possible.map(\.description).joined(separator: " or ")) for \(label)")
        }
        return access
    }
}
