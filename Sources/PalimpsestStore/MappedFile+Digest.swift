import Crypto
import Glibc
import MicroVM
import Palimpsest
import SystemPackage

extension Sandbox {
    /// As `mapFile(_:at:)`, and computes the file's SHA-256 now, for `Snapshot.verifyMappedFiles`.
    /// - Parameters:
    ///   - path: of a regular file.
    ///   - address: guest-virtual, page-aligned, with nothing else mapped from there to the end of the file.
    ///   - digest: whether to compute it.
    /// - Throws: as `mapFile(_:at:)` does.
    @discardableResult
    public func mapFile(_ path: String, at address: UInt64, digest: Bool) throws(SandboxError) -> MappedFile {
        let sha256: MappedFileIdentity.Hashing = { descriptor, byteCount throws(MappedFileIdentity.Failure) in
            try MappedFileIdentity.sha256(descriptor, byteCount)
        }
        return try mapFile(path, at: address, hashing: digest ? sha256 : nil)
    }
}

extension Snapshot {
    /// Checks that the mapped files are what they were: size, modification time, and the digest of those mapped with
    /// `digest: true`. New sandboxes check all but the digest by themselves.
    /// - Throws: `SandboxError.mappedFileChanged`, `mappedFileUnreadable`.
    public func verifyMappedFiles() throws(SandboxError) {
        try Sandbox.checkFiles(memory)
        for layer in memory.files {
            guard let file = layer.file, let digest = file.digest else { continue }
            let found: [UInt8]
            do throws(MappedFileIdentity.Failure) {
                found = try MappedFileIdentity.sha256(layer.segment.descriptor, file.byteCount)
            } catch {
                throw .mappedFileUnreadable(path: file.path, reason: "\(error)")
            }
            guard found == digest else {
                throw .mappedFileChanged(path: file.path, reason: "its SHA-256 is not what it was")
            }
        }
    }
}

extension MappedFileIdentity {
    /// SHA-256 of the file's first `byteCount` bytes, read from the descriptor: a file that shrinks meanwhile gives
    /// another digest, not a signal.
    static func sha256(_ descriptor: FileDescriptor, _ byteCount: Int) throws(Failure) -> [UInt8] {
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
