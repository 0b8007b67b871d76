import Crypto
import Glibc
import SystemPackage

/// Opening a file to map, and recognising it later.
extension MappedFileIdentity {
    enum Failure: Error {
        case unreadable(reason: String)
        case machine(MachineError)
    }

    /// Largest file, in bytes: what the guest-physical map has for all of a guest's files.
    static let maximumByteCount = GuestLayout.filesLimit - GuestLayout.filesPhysical

    /// Files a guest can have mapped at a time.
    static let maximumCount = 64

    /// Opens and maps a regular file. It is known by its absolute path: the working directory may change.
    static func open(_ path: String, digest: Bool) throws(Failure) -> (MappedFileIdentity, SharedMemorySegment) {
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
        let sum = digest ? try MappedFileIdentity.digest(descriptor, byteCount: Int(status.st_size)) : nil
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
    func change() -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return "it is gone (\(Errno(rawValue: errno)))" }
        let now = MappedFileIdentity(path: path, status, digest: digest)
        if now.byteCount != byteCount {
            return "it had \(byteCount) bytes when it was mapped, and has \(now.byteCount)"
        }
        if now.device != device || now.inode != inode { return "the path leads to another file" }
        return now == self ? nil : "it has been modified since it was mapped"
    }

    /// SHA-256 of the file's first `byteCount` bytes, read from the descriptor: a file that shrinks meanwhile gives
    /// another digest, not a signal.
    static func digest(_ descriptor: FileDescriptor, byteCount: Int) throws(Failure) -> [UInt8] {
        var hash = SHA256()
        var offset = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: pageByteCount)
        defer { buffer.deallocate() }
        do {
            while offset < byteCount {
                let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, byteCount - offset)])
                let count = try descriptor.read(fromAbsoluteOffset: Int64(offset), into: wanted)
                if count == 0 { break }
                hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: wanted[..<count]))
                offset += count
            }
            return Array(hash.finalize())
        } catch {
            throw .unreadable(reason: "\(error)")
        }
    }
}
