import MicroVM

/// A file in a guest's memory.
public struct MappedFile: Sendable, Hashable {
    public let path: String
    /// Guest-virtual, page-aligned.
    public let address: UInt64
    public let byteCount: Int
    /// SHA-256 of the file as it was when it was mapped, if it was asked for.
    public let digest: [UInt8]?

    package static func all(in memory: MemoryImage) -> [MappedFile] {
        memory.regions.mappings.compactMap { mapping in
            guard let file = mapping.file else { return nil }
            return MappedFile(
                path: file.path, address: mapping.region.guest.lowerBound.rawValue, byteCount: file.byteCount,
                digest: file.digest)
        }
    }
}
