/// What a mapped file was when it was mapped: how a snapshot recognises it.
struct MappedFileIdentity: Equatable, Sendable {
    let path: String
    let byteCount: Int
    let device: UInt64
    let inode: UInt64
    /// Modification time, in nanoseconds since 1970; after the year 2262 modulo 2^64, which compares as well.
    let modified: Int64
    /// SHA-256, if it was asked for.
    let digest: [UInt8]?
}
