/// What a mapped file was when it was mapped: how a snapshot recognises it.
package struct MappedFileIdentity: Equatable, Sendable {
    package let path: String
    package let byteCount: Int
    package let device: UInt64
    package let inode: UInt64
    /// Modification time, in nanoseconds since 1970; after the year 2262 modulo 2^64, which compares as well.
    package let modified: Int64
    /// SHA-256, if it was asked for.
    package let digest: [UInt8]?

    package init(path: String, byteCount: Int, device: UInt64, inode: UInt64, modified: Int64, digest: [UInt8]?) {
        self.path = path
        self.byteCount = byteCount
        self.device = device
        self.inode = inode
        self.modified = modified
        self.digest = digest
    }
}
