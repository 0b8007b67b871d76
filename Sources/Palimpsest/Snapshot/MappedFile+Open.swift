import Glibc
import MicroVM
import SystemPackage

/// Opening a file to map, and recognising it later.
extension MappedFileIdentity {
    package enum Failure: Error {
        case unreadable(reason: String)
        case machine(MachineError)
    }

    /// Largest file, in bytes: what the guest-physical map has for all of a guest's files.
    package static let maximumByteCount = GuestLayout.filesLimit - GuestLayout.filesPhysical

    /// Files a guest can have mapped at a time.
    package static let maximumCount = 64

    /// What a file is known by beside its name and times: a digest of its first so many bytes, read from the
    /// descriptor.
    package typealias Hashing = (FileDescriptor, Int) throws(Failure) -> [UInt8]

    /// Opens and maps a regular file. It is known by its absolute path: the working directory may change.
    package static func open(
        _ path: String, hashing hash: Hashing?
    ) throws(Failure) -> (MappedFileIdentity, SharedMemorySegment) {
        let path = try absolute(path)
        let descriptor: FileDescriptor
        do {
            // Non-blocking: a FIFO would wait for a writer otherwise. It means nothing to a regular file.
            descriptor = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch {
            throw .unreadable(reason: "\(error)")
        }
        var status = stat()
        guard fstat(descriptor.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            (1...maximumByteCount).contains(Int(status.st_size))
        else {
            try? descriptor.close()
            throw .unreadable(reason: "it is not a regular file of 1 to \(maximumByteCount) bytes")
        }
        let segment: SharedMemorySegment
        do throws(MachineError) {
            segment = try SharedMemorySegment.file(adopting: descriptor, byteCount: Int(status.st_size))
        } catch {
            throw .machine(error)
        }
        let sum = try hash.map { (hash) throws(Failure) in try hash(descriptor, Int(status.st_size)) }
        return (MappedFileIdentity(path: path, status, digest: sum), segment)
    }

    private static func absolute(_ path: String) throws(Failure) -> String {
        let path = FilePath(path)
        guard path.isRelative, !path.isEmpty else { return path.string }
        guard let folder = getcwd(nil, 0) else { throw .unreadable(reason: "\(Errno(rawValue: errno))") }
        defer { free(folder) }
        return FilePath(platformString: folder).pushing(path).string
    }

    private init(path: String, _ status: stat, digest: [UInt8]?) {
        self.init(
            path: path, byteCount: Int(status.st_size), device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
            modified: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec), digest: digest)
    }

    /// Says what is no longer as it was; nil if the path still leads to the same unchanged file.
    package func change() -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return "it is gone (\(Errno(rawValue: errno)))" }
        let now = MappedFileIdentity(path: path, status, digest: digest)
        if now.byteCount != byteCount {
            return "it had \(byteCount) bytes when it was mapped, and has \(now.byteCount)"
        }
        if now.device != device || now.inode != inode { return "the path leads to another file" }
        return now == self ? nil : "it has been modified since it was mapped"
    }
}
