import GuestABI
import SystemPackage

/// Where a guest comes from: an ELF executable.
public enum GuestSource: Sendable {
    /// The path of a file.
    case file(String)
    /// The file's contents.
    case bytes([UInt8])

    /// The file's name, without its folder; nil for bytes.
    package var name: String? {
        guard case .file(let path) = self else { return nil }
        return FilePath(path).lastComponent?.string
    }

    /// The file's path; nil for bytes.
    package var path: String? { if case .file(let path) = self { path } else { nil } }

    /// The bytes, read whole.
    /// - Throws: `SandboxError.guestFileUnreadable`, or `invalidGuest` if it is larger than any guest may be.
    package func load() throws(SandboxError) -> [UInt8] {
        switch self {
        case .bytes(let bytes): return bytes
        case .file(let path):
            do {
                return try GuestSource.read(path)
            } catch let error as GuestImageError {
                throw .invalidGuest(error)
            } catch {
                throw .guestFileUnreadable(path: path, reason: "\(error)")
            }
        }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let descriptor = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        defer { try? descriptor.close() }
        var bytes: [UInt8] = []
        while true {
            let chunk = try [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
                count = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
            }
            if chunk.isEmpty { return bytes }
            bytes += chunk
            guard bytes.count <= ELFImage.maximumByteCount else {
                throw GuestImageError.tooLarge(byteCount: bytes.count, limit: ELFImage.maximumByteCount)
            }
        }
    }
}
