import CPalimpsest
import GuestABI

/// What an ELF file says about itself, without running it.
public struct GuestImageDescription: Sendable, Hashable {
    public struct Segment: Sendable, Hashable {
        public let address: UInt64
        public let fileByteCount: UInt64
        public let memoryByteCount: UInt64
        /// `READ | EXECUTE` and the like.
        public let access: String
    }

    public let byteCount: Int
    public let entry: UInt64
    /// What the guest was built for; the engine runs `supportedABIVersion` only.
    public let abiVersion: UInt32
    public let segments: [Segment]

    public static let supportedABIVersion = UInt32(PAL_ABI_VERSION)

    /// - Throws: `SandboxError.guestFileUnreadable` or `invalidGuest`.
    public init(guest: GuestSource) throws(SandboxError) {
        let bytes = try guest.load()
        do throws(GuestImageError) {
            let image = try ELFImage(bytes)
            byteCount = bytes.count
            entry = image.entry.rawValue
            abiVersion = image.abiVersion
            segments = image.segments.map {
                Segment(
                    address: $0.address.rawValue, fileByteCount: UInt64($0.fileRange.count),
                    memoryByteCount: UInt64($0.memoryByteCount), access: $0.access.description)
            }
        } catch {
            throw .invalidGuest(error)
        }
    }
}
