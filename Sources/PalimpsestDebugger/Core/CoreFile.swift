import CPalimpsest
import Glibc
import GuestABI
import MicroVM
import SystemPackage

/// A core's file while it is written: under a name of its own until it is complete and on the disk, and gone with its
/// owner unless it has been put in place. Written in large pieces through the ring, wherever they go: what is never
/// written is a hole.
final class CoreFile {
    /// 1 MiB.
    static let chunkByteCount = 1 << 20

    /// What the process may have in a file (RLIMIT_FSIZE).
    static var byteLimit: Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        return Int(clamping: limit.rlim_cur)
    }

    private let path: String
    private let name: String
    private let partialName: String
    private let directory: FileDescriptor
    private let file: FileDescriptor
    private let ring = FileRing()
    private var isInPlace = false
    private var buffers: [UnsafeMutableRawBufferPointer] = []
    /// Buffers that no write is under way from.
    private var freeBuffers: [UnsafeMutableRawBufferPointer] = []

    /// - Parameters:
    ///   - path: where it is going to be. A regular file that is there is replaced; nothing else is, no link either.
    ///   - inputs: files that are not replaced, whatever they are called.
    /// - Throws: `unwritable`
    init(_ path: String, keeping inputs: Set<FileNumber>) throws(CoreDumpError) {
        // By bytes: a mark that combines with a slash does not make it another character to the system.
        let (folder, name) = CoreFile.parts(of: path)
        self.path = path
        self.name = name
        guard !name.isEmpty, name != ".", name != "..", name.utf8.count <= 200 else {
            throw .unwritable(path: path, reason: "its name is none for a file")
        }
        let folderDescriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folderDescriptor >= 0 else { throw .unwritable(path: path, reason: "\(Errno(rawValue: errno))") }
        if let reason = CoreFile.objection(to: name, in: folderDescriptor, keeping: inputs) {
            close(folderDescriptor)
            throw .unwritable(path: path, reason: reason)
        }
        partialName = ".\(name).\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).partial"
        // All of a guest's memory: for nobody else's eyes.
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let descriptor = openat(folderDescriptor, partialName, flags, 0o600)
        guard descriptor >= 0 else {
            let reason = "\(Errno(rawValue: errno))"
            close(folderDescriptor)
            throw .unwritable(path: path, reason: reason)
        }
        directory = FileDescriptor(rawValue: folderDescriptor)
        file = FileDescriptor(rawValue: descriptor)
    }

    /// The folder, and the name in it.
    private static func parts(of path: String) -> (folder: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        let name = path.utf8[slash...].dropFirst()
        return (String(decoding: path.utf8[...slash], as: UTF8.self), String(decoding: name, as: UTF8.self))
    }

    /// Why what has that name may not be replaced; nil if it may be, or nothing has it.
    private static func objection(to name: String, in folder: CInt, keeping inputs: Set<FileNumber>) -> String? {
        var status = stat()
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        guard status.st_mode & S_IFMT == S_IFREG else { return "it is no regular file" }
        return inputs.contains(FileNumber(status)) ? "the guest comes from it" : nil
    }

    deinit {
        ring.drain()
        for buffer in buffers { buffer.deallocate() }
        if !isInPlace { unlinkat(directory.rawValue, partialName, 0) }
        try? file.close()
        try? directory.close()
    }

    /// Writes `byteCount` bytes, at most a chunk, that `fill` puts into a zero-filled buffer.
    func write(
        at offset: Int, byteCount: Int, filling fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(CoreDumpError) {
        let buffer = try freeBuffer()
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<byteCount])
        part.initializeMemory(as: UInt8.self, repeating: 0)
        fill(part)
        while ring.isFull { try complete() }
        do throws(Errno) {
            _ = try ring.submit(
                .init(
                    operation: .write, descriptor: file, memory: part.baseAddress, offset: offset, byteCount: byteCount)
            )
        } catch {
            throw failure(error)
        }
    }

    private func freeBuffer() throws(CoreDumpError) -> UnsafeMutableRawBufferPointer {
        while freeBuffers.isEmpty && buffers.count == FileRing.depth { try complete() }
        if let buffer = freeBuffers.popLast() { return buffer }
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: CoreFile.chunkByteCount, alignment: pageByteCount)
        buffers.append(buffer)
        return buffer
    }

    /// Waits for one write; what a short one left is written now.
    private func complete() throws(CoreDumpError) {
        do throws(Errno) {
            let (request, _, result) = try ring.wait()
            guard result > 0 || result == -EINTR || result == -EAGAIN, let memory = request.memory else {
                throw Errno(rawValue: result < 0 ? -result : EIO)
            }
            let done = Int(max(0, result))
            guard done < request.byteCount else { return release(memory) }
            _ = try ring.submit(
                .init(
                    operation: .write, descriptor: file, memory: memory + done, offset: request.offset + done,
                    byteCount: request.byteCount - done))
        } catch {
            throw failure(error)
        }
    }

    /// The buffer a write ended in is free again.
    private func release(_ memory: UnsafeMutableRawPointer) {
        let buffer = buffers.first { buffer in
            guard let base = buffer.baseAddress else { return false }
            return base <= memory && memory < base + buffer.count
        }
        if let buffer { freeBuffers.append(buffer) }
    }

    /// Has all of it on the disk, and then under its name.
    func place() throws(CoreDumpError) {
        while !ring.isIdle { try complete() }
        do throws(Errno) { try ring.synchronize([file]) } catch { throw failure(error) }
        guard renameat(directory.rawValue, partialName, directory.rawValue, name) == 0 else {
            throw failure(Errno(rawValue: errno))
        }
        isInPlace = true
        guard fsync(directory.rawValue) == 0 else { throw failure(Errno(rawValue: errno)) }
    }

    private func failure(_ error: Errno) -> CoreDumpError { .unwritable(path: path, reason: "\(error)") }
}
