import Palimpsest

/// The config blob of a snapshot: all that is known of it but its pages. See docs/snapshot-format.md.
///
/// As read from a store it is anybody's: `SnapshotConfigReader` makes a memory image of it, or says what is wrong.
struct SnapshotConfig: Codable, Equatable, Sendable {
    static let formatVersion = 1
    /// As OCI's configs name it (GOARCH).
    static let architecture = "amd64"

    struct Processor: Codable, Equatable, Sendable {
        /// State components the guest could use (Intel SDM vol. 1, 13.3).
        var xcr0: HexInteger
        /// Instruction set extensions the guest could see, by their names in Linux's /proc/cpuinfo.
        var features: [String]
    }

    /// Sizes in bytes.
    struct Scratch: Codable, Equatable, Sendable {
        var mailbox: Int
        var stack: Int
        var zeroData: Int
        var heap: Int
        var pool: Int
    }

    struct Region: Codable, Equatable, Sendable {
        var start: HexInteger
        var byteCount: Int
        var label: String
        /// `READ | WRITE`, or `NONE`.
        var access: String
        var backing: String
        /// Index into `files`, of a mapped file's region.
        var file: Int?
    }

    /// A file of the host's in guest memory. Its content is not in the store.
    struct File: Codable, Equatable, Sendable {
        var path: String
        var byteCount: Int
        var device: HexInteger
        var inode: HexInteger
        /// Modification time, in nanoseconds since 1970.
        var modified: Int64
        /// Of the content, if it was asked for when the file was mapped.
        var digest: BlobDigest?
    }

    struct Export: Codable, Equatable, Sendable {
        var name: String
        /// The ABI's characters, result first.
        var signature: String
        var function: HexInteger
        var context: HexInteger
    }

    struct HostFunction: Codable, Equatable, Sendable {
        var name: String
        var signature: String
    }

    var formatVersion: Int
    var engineVersion: String
    var architecture: String
    var abiVersion: UInt32
    var processor: Processor
    var scratch: Scratch
    /// In address order.
    var regions: [Region]
    var files: [File]
    /// Runs in address order, four numbers each: pages between the last run's end and this one's start, pages in it,
    /// layer (or the number of layers plus index of the file), first page in the layer.
    var pages: PackedIntegers
    /// Runs in address order, two numbers each: pages from the last run's end, pages in it.
    var writeSet: PackedIntegers
    /// Runs in the order of first touch, two numbers each: signed distance in pages from the last run's end, pages.
    var hotPages: PackedIntegers
    var exports: [Export]
    var hostFunctions: [HostFunction]
}
