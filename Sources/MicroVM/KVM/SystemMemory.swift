import CPalimpsest
import Glibc
import SystemPackage

/// `mmap` and `munmap` with typed errors.
enum SystemMemory {
    static func map(
        _ descriptor: FileDescriptor, byteCount: Int, writable: Bool
    ) throws(MachineError) -> UnsafeMutableRawBufferPointer {
        let protection = writable ? PROT_READ | PROT_WRITE : PROT_READ
        let address = mmap(nil, byteCount, protection, MAP_SHARED | MAP_NORESERVE, descriptor.rawValue, 0)
        guard let address, address != MAP_FAILED else { throw MachineError("mmap", Errno(rawValue: errno)) }
        return UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }

    /// Private, zero-filled memory; pages nobody touches cost nothing.
    static func anonymous(byteCount: Int) throws(MachineError) -> UnsafeMutableRawBufferPointer {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let address = mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let address, address != MAP_FAILED else { throw MachineError("mmap", Errno(rawValue: errno)) }
        return UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }

    static func unmap(_ memory: UnsafeMutableRawBufferPointer) {
        guard let base = memory.baseAddress, memory.count > 0 else { return }
        munmap(base, memory.count)
    }
}
