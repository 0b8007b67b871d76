import CPalimpsest
import SystemPackage

/// Memory behind a descriptor (memfd or file), mapped into this process: the one thing guest memory is made of.
///
/// A *scratch* segment is writable and sparse: pages nobody touched cost nothing. A *snapshot* segment is
/// written once, by `SharedMemorySegment.snapshot`, then sealed: no one in any process can write it again; or it is
/// a file of the embedder's, mapped read-only, which others may still change or shorten.
/// Unmapped and closed when the last user lets go.
package final class SharedMemorySegment: @unchecked Sendable {
    /// The whole segment in this process. Snapshot segments are mapped read-only.
    package let memory: UnsafeMutableRawBufferPointer
    package let descriptor: FileDescriptor

    private init(memory: UnsafeMutableRawBufferPointer, descriptor: FileDescriptor) {
        self.memory = memory
        self.descriptor = descriptor
    }

    deinit {
        SystemMemory.unmap(memory)
        try? descriptor.close()
    }

    package var byteCount: Int { memory.count }

    /// Private, writable, zero-filled memory of whole pages.
    package static func scratch(byteCount: Int) throws(MachineError) -> SharedMemorySegment {
        let descriptor = try open(name: "palimpsest-scratch", byteCount: byteCount)
        do throws(MachineError) {
            let memory = try SystemMemory.map(descriptor, byteCount: byteCount, writable: true)
            return SharedMemorySegment(memory: memory, descriptor: descriptor)
        } catch {
            try? descriptor.close()
            throw error
        }
    }

    /// Immutable memory: `fill` writes it once, then it is sealed (`F_SEAL_WRITE`, `_GROW`, `_SHRINK`, `_SEAL`)
    /// and mapped read-only. What is not written is zero.
    package static func snapshot(
        byteCount: Int, fill: (SegmentWriter) throws(MachineError) -> Void
    ) throws(MachineError) -> SharedMemorySegment {
        let descriptor = try open(name: "palimpsest-snapshot", byteCount: byteCount)
        do throws(MachineError) {
            try fill(SegmentWriter(descriptor: descriptor))
            let sealed = pal_memfd_seal(descriptor.rawValue)
            guard sealed == 0 else { throw MachineError("seal of a memfd", Errno(rawValue: -sealed)) }
            let memory = try SystemMemory.map(descriptor, byteCount: byteCount, writable: false)
            return SharedMemorySegment(memory: memory, descriptor: descriptor)
        } catch {
            try? descriptor.close()
            throw error
        }
    }

    /// A file, read-only, rounded up to whole pages. Takes the descriptor over, whatever happens.
    package static func file(
        adopting descriptor: FileDescriptor, byteCount: Int
    ) throws(MachineError) -> SharedMemorySegment {
        do throws(MachineError) {
            let memory = try SystemMemory.map(descriptor, byteCount: byteCount.roundedUpToPages, writable: false)
            return SharedMemorySegment(memory: memory, descriptor: descriptor)
        } catch {
            try? descriptor.close()
            throw error
        }
    }

    private static func open(name: String, byteCount: Int) throws(MachineError) -> FileDescriptor {
        let result = pal_memfd_create(name)
        guard result >= 0 else { throw MachineError("memfd_create", Errno(rawValue: -result)) }
        let descriptor = FileDescriptor(rawValue: result)
        do {
            try descriptor.resize(to: Int64(byteCount))
            return descriptor
        } catch {
            try? descriptor.close()
            throw MachineError("ftruncate of a memfd", error as? Errno ?? .ioError)
        }
    }
}
